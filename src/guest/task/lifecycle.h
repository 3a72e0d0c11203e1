/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/task.h"

/* The Task service's methods that change a process' state, and what else does. */

extern const struct executor_events lifecycle_events;

/* Handlers: all check the request, and answer @call now or when it is done. */
void lifecycle_create(struct ttrpc_call *call, const ProtobufCMessage *request);
void lifecycle_exec(struct ttrpc_call *call, const ProtobufCMessage *request);
void lifecycle_start(struct ttrpc_call *call, const ProtobufCMessage *request);
void lifecycle_delete(struct ttrpc_call *call, const ProtobufCMessage *request);
void lifecycle_checkpoint(struct ttrpc_call *call, const ProtobufCMessage *request);

/**
 * lifecycle_reaped() - a child of vminitd has ended
 * @status: exit status, or 128 + signal
 */
void lifecycle_reaped(struct task *task, pid_t pid, uint32_t status);

/** lifecycle_drained() - for process_table_init() */
void lifecycle_drained(struct process *process);

/** lifecycle_any_alive() - is there a process that was not reaped yet? */
bool lifecycle_any_alive(struct task *task);

/** lifecycle_any_output() - is there output that the host has not taken? */
bool lifecycle_any_output(struct task *task);

/** lifecycle_signal_all() - to every process of every container */
void lifecycle_signal_all(struct task *task, int signo);
