/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/test-service.h"

#include "base/test.h"

struct ttrpc_server *service_server;
struct ttrpc_call *service_kept[SERVICE_KEPT_MAX];
size_t service_n_kept, service_n_cancelled, service_n_ends;
int64_t service_timeout;
bool service_reply_when_cancelled, service_free_when_cancelled;

static void echo(struct ttrpc_call *call)
{
	service_timeout = call->timeout_nano;
	ttrpc_call_reply(call, call->payload, call->payload_len);
}

static void cancelled(struct ttrpc_call *call)
{
	service_n_cancelled++;
	if (service_reply_when_cancelled) {
		(void)ttrpc_call_send(call, "x", 1);
		ttrpc_call_end(call);
		ttrpc_call_fail(call, TTRPC_INTERNAL, "x");
		ttrpc_call_reply(call, "x", 1);
	}
	if (service_free_when_cancelled) {
		ttrpc_server_free(service_server);
		service_server = NULL;
	}
}

static void keep(struct ttrpc_call *call)
{
	call->cancelled = cancelled;
	test_true(service_n_kept < SERVICE_KEPT_MAX);
	service_kept[service_n_kept++] = call;
}

static void fail(struct ttrpc_call *call)
{
	ttrpc_call_fail(call, TTRPC_NOT_FOUND, "%.*s", (int)call->payload_len, call->payload);
}

static void size(struct ttrpc_call *call)
{
	char number[16] = "";
	size_t len;
	void *data;

	if (call->payload_len > 0)
		memcpy(number, call->payload, MIN(call->payload_len, sizeof(number) - 1));
	len = MIN((size_t)strtoul(number, NULL, 10), (size_t)16 << 20);
	data = calloc(1, len + 1);
	test_true(data);
	ttrpc_call_reply(call, data, len);
	free(data);
}

static void free_server(struct ttrpc_call *call)
{
	call->cancelled = cancelled;
	ttrpc_server_free(service_server);
	service_server = NULL;
}

static void told(struct ttrpc_call *call)
{
	ttrpc_call_reply(call, call->payload, call->payload_len);
	test_true(ttrpc_server_idle(service_server));
}

static void count(struct ttrpc_call *call)
{
	size_t len = call->payload_len;
	char last = len > 0 ? (char)call->payload[len - 1] : '\0';

	for (size_t i = 0; i < len; i++)
		if (ttrpc_call_send(call, call->payload + i, 1) < 0)
			break;
	if (last == 'F')
		ttrpc_call_fail(call, TTRPC_ABORTED, "failed");
	else if (last == 'R')
		ttrpc_call_reply(call, "last", 4);
	else
		ttrpc_call_end(call);
}

static void chat_received(struct ttrpc_call *call, const uint8_t *data, size_t len)
{
	if (!data)
		ttrpc_call_end(call);
	else if (len == 4 && memcmp(data, "fail", 4) == 0)
		ttrpc_call_fail(call, TTRPC_ABORTED, "as you wish");
	else
		test_int(ttrpc_call_send(call, data, len), 0);
}

static void chat(struct ttrpc_call *call)
{
	test_int(call->payload_len, 0);
	call->cancelled = cancelled;
	call->received = chat_received;
}

static void open_received(struct ttrpc_call *call _unused_, const uint8_t *data,
			  size_t len _unused_)
{
	if (!data)
		service_n_ends++;
}

static void open_stream(struct ttrpc_call *call)
{
	call->received = open_received;
	keep(call);
}

static const struct ttrpc_method methods[] = {
	{.name = "Echo", .handler = echo},
	{.name = "Keep", .handler = keep},
	{.name = "Fail", .handler = fail},
	{.name = "Size", .handler = size},
	{.name = "Free", .handler = free_server},
	{.name = "Told", .handler = told},
	{.name = "Count", .handler = count, .stream = TTRPC_SERVER_STREAM},
	{.name = "Chat", .handler = chat, .stream = TTRPC_BIDI_STREAM},
	{.name = "Open", .handler = open_stream, .stream = TTRPC_BIDI_STREAM},
	{.name = NULL},
};

const struct ttrpc_service test_services[] = {
	{.name = "test.Echo", .methods = methods},
	{.name = NULL},
};

void service_start(struct loop *loop, size_t max_conns)
{
	service_n_kept = service_n_cancelled = service_n_ends = 0;
	service_reply_when_cancelled = service_free_when_cancelled = false;
	test_int(ttrpc_server_new(loop, test_services, max_conns, &service_server), 0);
}
