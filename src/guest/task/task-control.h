/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/task.h"

/* What the Task service does with a container's control group: Pause, Resume, Update, Stats. */

/**
 * task_control_make() - a control group for a new container, with its limits
 * @resources: may be NULL
 *
 * Return: false: @call was answered.
 */
bool task_control_make(struct ttrpc_call *call, struct process *process,
		       const Caisson__Guest__V1__Resources *resources);

/** task_control_watch() - from now on, that its memory runs out is an event */
void task_control_watch(struct process *process);

/* Handlers. */
void task_control_pause(struct ttrpc_call *call, const ProtobufCMessage *message);
void task_control_resume(struct ttrpc_call *call, const ProtobufCMessage *message);
void task_control_update(struct ttrpc_call *call, const ProtobufCMessage *message);
void task_control_stats(struct ttrpc_call *call, const ProtobufCMessage *message);
