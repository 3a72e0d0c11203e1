/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "any.pb-c.h"
#include "empty.pb-c.h"
#include "rpc/rpc.h"
#include "task.pb-c.h"
#include "timestamp.pb-c.h"

/*
 * The type of UpdateTaskRequest.resources on the host, as containerd's typeurl names what is JSON
 * (github.com/containerd/typeurl).
 */
#define RPC_TYPE_RESOURCES "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

/* What the messages of the Task service and of events have in common. */

/** RPC_TASK() - RPC_METHOD() for a method of Task; @stem: of its messages' names */
#define RPC_TASK(name, stem, handler)                            \
	RPC_METHOD(name, containerd__task__v2__##stem##_request, \
		   containerd__task__v2__##stem##_response, handler)

/** RPC_TASK_EMPTY() - the same for those that answer google.protobuf.Empty */
#define RPC_TASK_EMPTY(name, stem, handler) \
	RPC_METHOD(name, containerd__task__v2__##stem##_request, google__protobuf__empty, handler)

/**
 * rpc_any_pack() - put a message into a google.protobuf.Any
 * @any: initialised; its value is allocated: rpc_any_done(). The type URL is the message's bare
 *   name, as containerd's typeurl writes it, and is not allocated
 *
 * Return: 0, -EMSGSIZE, -ENOMEM.
 */
int rpc_any_pack(const ProtobufCMessage *message, Google__Protobuf__Any *any);

/** rpc_any_done() - free what rpc_any_pack() made; may be called again */
void rpc_any_done(Google__Protobuf__Any *any);

/**
 * rpc_any_unpack() - take a message of one type out of a google.protobuf.Any
 * @any: NULL is -ENODATA
 * @ret: set on success; free with rpc_free()
 *
 * A type URL may have a prefix ending in '/' ("type.googleapis.com/").
 *
 * Return: 0, -ENODATA, -EPROTOTYPE when it holds another type, else as rpc_unpack().
 */
int rpc_any_unpack(const Google__Protobuf__Any *any, const ProtobufCMessageDescriptor *type,
		   ProtobufCMessage **ret);

/** rpc_any_is() - is it of type @name, which may have a prefix ending in '/'? NULL is of none. */
bool rpc_any_is(const Google__Protobuf__Any *any, const char *name);

/** rpc_timestamp() - a CLOCK_REALTIME time as google.protobuf.Timestamp */
static inline void rpc_timestamp(const struct timespec *time, Google__Protobuf__Timestamp *ret)
{
	ret->seconds = time->tv_sec;
	ret->nanos = (int32_t)time->tv_nsec;
}
