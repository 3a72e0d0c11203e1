/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "ttrpc/client.h"
#include "ttrpc/server.h"

/*
 * Typed messages over TTRPC: protobuf-c on one side of these functions, bytes on the other. A typed
 * method table has a `struct rpc_types` in ttrpc_method.data and rpc_dispatch as its handler.
 *
 * Generated headers, by their plain names (proto/generate.sh makes them; rpc_dep brings the path):
 *   "task.pb-c.h"       Containerd__Task__V2__CreateTaskRequest, … (the same for v2 and v3)
 *   "task_types.pb-c.h" Containerd__V1__Types__Status and ProcessInfo
 *   "mount.pb-c.h"      Containerd__Types__Mount
 *   "events.pb-c.h"     Containerd__Events__TaskExit, …
 *   "runtimesandbox.pb-c.h", "podsandbox.pb-c.h"
 *			  Containerd__Runtime__Sandbox__V1__CreateSandboxRequest, …, and what is in that
 *   "forward.pb-c.h"    Containerd__Services__Events__Ttrpc__V1__ForwardRequest
 *   "guest.pb-c.h"      Caisson__Guest__V1__Container, Process and Resources
 *   "system.pb-c.h", "bundle.pb-c.h", "vmmount.pb-c.h", "layer.pb-c.h", "copy.pb-c.h",
 *   "network.pb-c.h", "resolver.pb-c.h", "vmevents.pb-c.h"
 *			  what the guest's other services take and give, Caisson__Guest__V1__…
 *   "metrics_v1.pb-c.h", "metrics_v2.pb-c.h"  Io__Containerd__Cgroups__V2__Metrics, …
 *   "any.pb-c.h", "empty.pb-c.h", "timestamp.pb-c.h"  Google__Protobuf__Any, …
 * Members stdin, stdout and stderr are called stdin_, stdout_ and stderr_.
 */

#define RPC_SERVICE_TASK_V2  "containerd.task.v2.Task"
#define RPC_SERVICE_TASK_V3  "containerd.task.v3.Task"
#define RPC_SERVICE_SANDBOX  "containerd.runtime.sandbox.v1.Sandbox"
#define RPC_SERVICE_EVENTS   "caisson.guest.v1.Events"
#define RPC_SERVICE_SYSTEM   "caisson.guest.v1.System"
#define RPC_SERVICE_BUNDLE   "caisson.guest.v1.Bundle"
#define RPC_SERVICE_MOUNT    "caisson.guest.v1.Mount"
#define RPC_SERVICE_LAYER    "caisson.guest.v1.Layer"
#define RPC_SERVICE_COPY     "caisson.guest.v1.Copy"
#define RPC_SERVICE_NETWORK  "caisson.guest.v1.Network"
#define RPC_SERVICE_SOCKETS  "caisson.guest.v1.Sockets"
#define RPC_SERVICE_RESOLVER "caisson.guest.v1.Resolver"

/**
 * struct rpc_types - what a method takes and gives
 * @request, @response: generated descriptors
 * @handler: gets the unpacked request, which is freed when it returns
 */
struct rpc_types {
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *response;
	void (*handler)(struct ttrpc_call *call, const ProtobufCMessage *request);
};

/**
 * rpc_dispatch() - handler for tables whose data is a struct rpc_types
 *
 * A request that does not parse, needs more memory than RPC_MESSAGE_MEMORY_MAX when unpacked, or has
 * a string that is no UTF-8 or has a NUL is answered (INTERNAL, RESOURCE_EXHAUSTED, INVALID_ARGUMENT);
 * the typed handler is then not called.
 */
void rpc_dispatch(struct ttrpc_call *call);

/** RPC_METHOD() - a row of a table of unary methods, for rpc_dispatch() */
#define RPC_METHOD(name_, request_, response_, handler_) \
	RPC_METHOD_(name_, TTRPC_UNARY, request_, response_, handler_)

/** RPC_STREAM() - the same for a method that answers with a stream; see rpc_send() */
#define RPC_STREAM(name_, request_, response_, handler_) \
	RPC_METHOD_(name_, TTRPC_SERVER_STREAM, request_, response_, handler_)

#define RPC_METHOD_(name_, stream_, request_, response_, handler_)                                \
	{                                                                                         \
		.name = name_, .handler = rpc_dispatch, .stream = stream_,                        \
		.data = &(const struct rpc_types)                                                 \
		{                                                                                 \
			.request = &request_##__descriptor, .response = &response_##__descriptor, \
			.handler = handler_,                                                      \
		}                                                                                 \
	}

#define RPC_MESSAGE_MEMORY_MAX (16u << 20)

/**
 * rpc_str() - a string for a member of a message that will only be packed
 *
 * protobuf-c declares members without const; packing does not write to them.
 */
static inline char *rpc_str(const char *s)
{
	return (char *)s;
}

/** rpc_reply() - pack and answer */
void rpc_reply(struct ttrpc_call *call, const ProtobufCMessage *response);

/** rpc_reply_empty() - answer google.protobuf.Empty */
void rpc_reply_empty(struct ttrpc_call *call);

/** rpc_send() - streaming calls: pack and send one message; as ttrpc_call_send() */
int rpc_send(struct ttrpc_call *call, const ProtobufCMessage *message);

/** rpc_call() - pack and start a unary call; as ttrpc_client_call() */
int rpc_call(struct ttrpc_client *client, struct ttrpc_request *req, const char *service,
	     const char *method, const ProtobufCMessage *request, int64_t timeout_nano,
	     void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer));

/** rpc_stream() - the same with a call that is answered by a stream; as ttrpc_client_stream() */
int rpc_stream(struct ttrpc_client *client, struct ttrpc_request *req, const char *service,
	       const char *method, const ProtobufCMessage *request,
	       void (*received)(struct ttrpc_request *req, const uint8_t *data, size_t len),
	       void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer));

/**
 * rpc_unpack() - bounded unpacking of a message
 * @ret: set on success; free with rpc_free()
 *
 * Strings may have any bytes, as arguments and environments in Linux do, but no NUL.
 *
 * Return: 0, -EBADMSG when it does not parse, -EILSEQ for a NUL, -ENOMEM over the limit of memory.
 */
int rpc_unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t len,
	       ProtobufCMessage **ret);

/** rpc_free() - free what rpc_unpack() gave; NULL is harmless */
void rpc_free(ProtobufCMessage *message);
