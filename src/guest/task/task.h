/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/macro.h"
#include "guest/task/events.h"
#include "guest/task/executor.h"
#include "guest/task/process.h"
#include "guest/task/stream.h"
#include "rpc/rpc.h"
#include "timestamp.pb-c.h"

/*
 * containerd's Task service, version 2 and 3 (the same but for the package's name), on top of an
 * executor. task.c: the table of methods, and those that ask or tell something. lifecycle.c: those
 * that make, start and end processes. task-control.c: those about a container's control group.
 */

/**
 * struct task - the service; must be all zero before task_init()
 * @services: for ttrpc_server_new()
 * @streams: where stdio comes from
 * @cgroups: where containers have their control groups
 * @events: who is told what happens
 * @executor: runs a container that owns the VM; its events are lifecycle_events
 * @bundles: runs those that come as bundles; likewise. NULL: nobody does
 * @closing: the VM is about to end: nothing new begins
 * @shutdown: the host wants the VM to end, @now or after a grace; called after that was answered
 * @ended: a process has ended
 */
struct task {
	struct loop *loop;
	struct ttrpc_service services[3];
	struct process_table processes;
	struct stream_table *streams;
	const struct cgroups *cgroups;
	struct events *events;
	struct executor *executor, *bundles;
	bool closing;
	void (*shutdown)(struct task *task, bool now);
	void (*ended)(struct task *task);
};

/**
 * task_init() - the caller has set all members but @services and @processes, and owns what they
 * point to
 */
void task_init(struct task *task);

/** task_of() - the service that serves a call */
struct task *task_of(const struct ttrpc_call *call);

/** task_with() - the service that a process belongs to */
static inline struct task *task_with(const struct process *process)
{
	return container_of(process->table, struct task, processes);
}

/** task_unpack() - take a message out of a request; if it is not there, that was answered: false */
bool task_unpack(struct ttrpc_call *call, const Google__Protobuf__Any *any,
		 const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret);

/** task_find() - the process that a request is about; if there is none, that was answered: NULL */
struct process *task_find(struct ttrpc_call *call, const char *id, const char *exec_id);

/** task_timestamp() - when a process ended. Return: @ret, or NULL while it lives. */
Google__Protobuf__Timestamp *task_timestamp(const struct process *process,
					    Google__Protobuf__Timestamp *ret);

/** task_reply_exit() - answer a Wait */
void task_reply_exit(struct ttrpc_call *call, const struct process *process);
