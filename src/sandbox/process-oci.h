/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/process.h"

/* The requests of process.c to a guest that runs its containers with crun. */

/**
 * process_oci_prepare() - make a bundle's config.json ready for the guest, while that boots
 *
 * What fails is told when the container is created.
 */
void process_oci_prepare(struct container *container);

/**
 * process_oci_create() - send the bundle, then the request to create the container
 * @process: what the container runs; packed before this returns
 * @answered: called with the answer of Create, or with the refusal of what comes before
 *
 * Return: 0, -EMSGSIZE, or negative errno; with a message in @err if there is more to say.
 */
int process_oci_create(struct process *p, Caisson__Guest__V1__Process *process,
		       void (*answered)(struct ttrpc_request *req,
					const struct ttrpc_answer *answer),
		       struct err *err);

/**
 * process_oci_name() - say which command a message of the guest is about: crun does not
 *
 * Return: a new string, or NULL: it says it, or is about something else.
 */
char *process_oci_name(const struct process *p, const char *message);

/** process_oci_exec() - the same for Exec; @names: of stdin, stdout, stderr in the guest, or "" */
int process_oci_exec(struct process *p, char *const names[3],
		     void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer),
		     struct err *err);
