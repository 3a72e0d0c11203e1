/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/process.h"
#include "shim/containerd/publish.h"
#include "shim/shim.h"
#include "task.pb-c.h"

/*
 * A shim whose client is containerd. What is different from one of the command line's: its VM starts when Create comes,
 * which says what the root file system is; streams are named as containerd names them; it tells of events; numbers of
 * processes are those that stand for their containers, since the guest's mean nothing to others; and it is there until Shutdown.
 * Of a sandbox, pod.h has the rest.
 */

/**
 * struct containerd - what such a shim has besides
 * @namespace: containerd's, of the container
 * @netns: the network namespace that containerd is in; -EBADF: that of the shim
 * @loggers: programs that take what processes print, as long as they run (logger.h)
 * @sandbox, @guest_events: the guest's events, as long as it is up
 * @pod: what there is if the VM is a sandbox, which begins without a container; NULL: it is one for a container
 * @given_up: it was told that the supervisor is
 * @shut: there is nothing more to ask about: the shim ends once its VM has
 */
struct containerd {
	const char *namespace;
	int netns;
	struct publisher publisher;
	const struct sandbox *sandbox;
	struct ttrpc_request guest_events;
	struct list loggers;
	struct pod *pod;
	bool shut, given_up;
};

/** containerd_init() - @namespace, @address: of containerd's events; both must outlive it; @netns: owned from here */
void containerd_init(struct containerd *c, struct shim *shim, const char *namespace,
		     const char *address, int netns);

/** containerd_done() - may be called again */
void containerd_done(struct containerd *c);

/**
 * containerd_create() - before the container's first process is made: mount its root file system and start the VM
 *
 * Return: true; false: it cannot be, which was answered.
 */
bool containerd_create(struct ttrpc_call *call,
		       const Containerd__Task__V2__CreateTaskRequest *request);

/** containerd_check_bundle() - is it that of what the shim was started for? Return: 0 or -EINVAL with a message. */
int containerd_check_bundle(const struct sandbox_spec *spec, const char *bundle, struct err *err);

/** containerd_pids() - answer Pids */
void containerd_pids(struct ttrpc_call *call, const struct process *init);

/** containerd_shutdown() - after Shutdown, which may come at any time */
void containerd_shutdown(struct shim *shim);

/** containerd_is_over() - may the shim end? */
bool containerd_is_over(const struct shim *shim);

/** containerd_unlisten() - remove the socket that we listen on, which nobody else does */
void containerd_unlisten(int listener);
