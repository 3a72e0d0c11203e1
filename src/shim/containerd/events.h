/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/shim.h"

/*
 * What containerd is told of a container's processes when it happens. Of a shim that is not containerd's nobody is told
 * anything.
 *
 * A container is created before it is started, and so on; its first process is the last one of which the end is told.
 */

/** events_follow_guest() - hear of what only the guest knows: that memory has run out. Once it is up. */
void events_follow_guest(struct shim *shim);

/** events_creating() - what Create has said; it is told when that has come true */
void events_creating(struct container *container,
		     const Containerd__Task__V2__CreateTaskRequest *request);

/** events_created() - the container's first process, or an exec, is there */
void events_created(const struct process *p);

/** events_started() - and runs */
void events_started(const struct process *p);

/** events_frozen() - the container was paused, or goes on, by its state */
void events_frozen(const struct process *p);

/** events_stopped() - the process has ended */
void events_stopped(const struct process *p);

/** events_deleted() - the container's first process was deleted: nothing more comes of it */
void events_deleted(const struct process *p);
