/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/text.h"
#include "ttrpc/frame.h"

/* Messages up to this size are packed on the stack. */
#define PACK_STACK 512

/* An allocator that gives out a limited sum; what is freed meanwhile does not count back. */
struct budget {
	ProtobufCAllocator allocator;
	size_t left;
	bool exhausted;
};

static void *budget_alloc(void *data, size_t size)
{
	struct budget *budget = data;
	void *p = NULL;

	if (size <= budget->left)
		p = malloc(size);
	if (!p) {
		budget->exhausted = true;
		return NULL;
	}
	budget->left -= size;
	return p;
}

static void budget_free(void *data _unused_, void *p)
{
	free(p);
}

static int unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t len,
		  ProtobufCMessage **ret)
{
	struct budget budget = {
		.allocator = {.alloc = budget_alloc, .free = budget_free},
		.left = RPC_MESSAGE_MEMORY_MAX,
	};
	ProtobufCMessage *message;

	budget.allocator.allocator_data = &budget;
	message = protobuf_c_message_unpack(type, &budget.allocator, len, data);
	if (!message)
		return budget.exhausted ? -ENOMEM : -EBADMSG;
	*ret = message;
	return 0;
}

int rpc_unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t len,
	       ProtobufCMessage **ret)
{
	struct ttrpc_bytes bytes = {.data = data, .len = len};
	const char *field;
	int r = rpc_check_text(type, bytes, false, &field);

	return r < 0 ? r : unpack(type, data, len, ret);
}

void rpc_free(ProtobufCMessage *message)
{
	/* Without an allocator protobuf-c uses free(), which is what budget_free() does. */
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

/**
 * struct packed - a message as bytes, on the stack when it is small
 * @data: never NULL once packed
 */
struct packed {
	uint8_t stack[PACK_STACK];
	uint8_t *heap;
	const uint8_t *data;
	size_t len;
};

/* Return: 0, -EMSGSIZE, -ENOMEM. The caller frees ->heap, also when this fails. */
static int pack(struct packed *packed, const ProtobufCMessage *message)
{
	uint8_t *to = packed->stack;

	packed->heap = NULL;
	packed->len = protobuf_c_message_get_packed_size(message);
	if (packed->len > TTRPC_FRAME_DATA_MAX)
		return -EMSGSIZE;
	if (packed->len > sizeof(packed->stack)) {
		to = packed->heap = malloc(packed->len);
		if (!to)
			return -ENOMEM;
	}
	(void)protobuf_c_message_pack(message, to);
	packed->data = to;
	return 0;
}

void rpc_reply(struct ttrpc_call *call, const ProtobufCMessage *response)
{
	struct packed packed;
	int r = pack(&packed, response);

	if (r < 0)
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED,
				r == -EMSGSIZE ? "the answer is larger than a TTRPC frame"
					       : "out of memory");
	else
		ttrpc_call_reply(call, packed.data, packed.len);
	free(packed.heap);
}

void rpc_reply_empty(struct ttrpc_call *call)
{
	ttrpc_call_reply(call, "", 0);
}

int rpc_send(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct packed packed;
	int r = pack(&packed, message);

	if (r == 0)
		r = ttrpc_call_send(call, packed.data, packed.len);
	free(packed.heap);
	return r;
}

int rpc_call(struct ttrpc_client *client, struct ttrpc_request *req, const char *service,
	     const char *method, const ProtobufCMessage *request, int64_t timeout_nano,
	     void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	struct packed packed;
	int r = pack(&packed, request);

	if (r == 0)
		r = ttrpc_client_call(client, req, service, method, packed.data, packed.len,
				      timeout_nano, done);
	free(packed.heap);
	return r;
}

int rpc_stream(struct ttrpc_client *client, struct ttrpc_request *req, const char *service,
	       const char *method, const ProtobufCMessage *request,
	       void (*received)(struct ttrpc_request *req, const uint8_t *data, size_t len),
	       void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	struct packed packed;
	int r = pack(&packed, request);

	if (r == 0)
		r = ttrpc_client_stream(client, req, service, method, packed.data, packed.len,
					false, received, done);
	free(packed.heap);
	return r;
}

/* The generated names of stdin, stdout and stderr, which are macros, have a "_" behind them. */
static void fail_text(struct ttrpc_call *call, const char *field)
{
	size_t len = strlen(field);

	if (len > 0 && field[len - 1] == '_')
		len--;
	ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "%.*s: a string must be UTF-8, without NUL",
			(int)len, field);
}

void rpc_dispatch(struct ttrpc_call *call)
{
	const struct rpc_types *types = call->method->data;
	struct ttrpc_bytes payload = {.data = call->payload, .len = call->payload_len};
	ProtobufCMessage *request = NULL;
	const char *field;
	int r = rpc_check_text(types->request, payload, true, &field);

	if (r == 0)
		r = unpack(types->request, payload.data, payload.len, &request);
	if (r == -EILSEQ) {
		fail_text(call, field);
		return;
	}
	if (r == -ENOMEM) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "%s needs too much memory",
				types->request->name);
		return;
	}
	if (r < 0) {
		ttrpc_call_fail(call, TTRPC_INTERNAL, "the payload is no valid %s",
				types->request->name);
		return;
	}
	types->handler(call, request);
	rpc_free(request);
}
