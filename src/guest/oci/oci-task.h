/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/oci/oci-crun.h"
#include "guest/oci/oci.h"

/* Inside of oci.c: a crun under way. */

/** oci_task_new() - for a process, or its container. Return: NULL: too many are under way. */
struct oci_task *oci_task_new(struct oci *oci, struct process *p);

/** oci_task_free() - it is over */
void oci_task_free(struct oci_task *task);

/** oci_task_number() - for the names of its files */
size_t oci_task_number(const struct oci_task *task);

/**
 * oci_task_start() - let it run; the same task may start another one after it
 * @crun: what it does: verb, request, and the like; the rest is filled in
 * @done: when it has ended
 *
 * Return: 0 or negative errno.
 */
int oci_task_start(struct oci_task *task, struct crun *crun,
		   void (*done)(struct oci_task *task, uint32_t status));
