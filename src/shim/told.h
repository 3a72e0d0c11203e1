/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/shim.h"

/* What is done when a process reports (sandbox/process.h): calls are answered, the VM may end. */

/** told_of_init() - hear of the container's first process from now on */
void told_of_init(struct process *p);

/** told_of_exec() - hear of an exec */
void told_of_exec(struct process *p);

/** told_seen() - the keeper sees what the container sees: it has been created */
void told_seen(struct shim *shim);

/**
 * told_joined_seen(), told_joined_unseen() - the same of a container that has come to the VM of another, and the process
 * that stands for it; or that could not be had, so neither can the container
 */
void told_joined_seen(struct process *p);
void told_joined_unseen(struct process *p);

/** told_remove() - end such a container, whatever it does; but for how it ended nothing of it is left. Its first process. */
void told_remove(struct process *p);

/** told_pid() - the number of a process that is told: containerd takes one for the host's */
uint32_t told_pid(const struct process *p);

/** told_deleted() - answer a Delete of what has ended, and forget it */
void told_deleted(struct ttrpc_call *call, struct process *p);

/** told_forget() - the same of the first process of a container that has come to the VM of another: the guest is told, and need not answer */
void told_forget(struct ttrpc_call *call, struct process *p);

/** told_forget_exec() - an exec that is of no use to anybody; @p is freed */
void told_forget_exec(struct shim *shim, struct process *p);
