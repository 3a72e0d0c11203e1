/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/executor.h"
#include "guest/process.h"
#include "guest/stream.h"
#include "rpc/rpc.h"
#include "timestamp.pb-c.h"

/*
 * containerd's Task service, version 2 and 3 (the same but for the package's name), on top of an
 * executor. task.c: the table of methods, and those that ask or tell something. lifecycle.c: those
 * that make, start and end processes.
 */

/**
 * struct task - the service; must be all zero before task_init()
 * @services: for ttrpc_server_new()
 * @streams: where stdio comes from
 * @executor: runs containers; its events are lifecycle_events
 * @shutdown: the host wants the VM to end, @now or after a grace; called after that was answered
 * @ended: a process has ended
 */
struct task {
	struct loop *loop;
	struct ttrpc_service services[3];
	struct process_table processes;
	struct stream_table *streams;
	struct executor *executor;
	void (*shutdown)(struct task *task, bool now);
	void (*ended)(struct task *task);
};

/** task_init() - @task->shutdown and ->ended are set by the caller, who owns what is passed */
void task_init(struct task *task, struct loop *loop, struct stream_table *streams,
	       struct executor *executor);

/** task_of() - the service that serves a call */
struct task *task_of(const struct ttrpc_call *call);

/** task_find() - the process that a request is about; if there is none, that was answered: NULL */
struct process *task_find(struct ttrpc_call *call, const char *id, const char *exec_id);

/** task_timestamp() - when a process ended. Return: @ret, or NULL while it lives. */
Google__Protobuf__Timestamp *task_timestamp(const struct process *process,
					    Google__Protobuf__Timestamp *ret);

/** task_reply_exit() - answer a Wait */
void task_reply_exit(struct ttrpc_call *call, const struct process *process);
