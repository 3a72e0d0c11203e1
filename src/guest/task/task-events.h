/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/events.h"
#include "guest/task/process.h"

/*
 * The events of a container's life, under containerd's topics. Their order is that of the calls
 * here: created, started, exited, deleted; all execs of a container exit before it does.
 */

/** task_event_created() - and the others: to all that have subscribed */
void task_event_created(struct events *events, const struct process *process);
void task_event_exec_added(struct events *events, const struct process *process);

/** task_event_started() - of a container's first process, or of an exec */
void task_event_started(struct events *events, const struct process *process);
void task_event_exited(struct events *events, const struct process *process);

/** task_event_deleted() - a container; of execs nobody wants to hear it */
void task_event_deleted(struct events *events, const struct process *process);
void task_event_paused(struct events *events, const struct process *process);
void task_event_resumed(struct events *events, const struct process *process);

/** task_event_oom() - the kernel has killed a process of the container for want of memory */
void task_event_oom(struct events *events, const struct process *process);
