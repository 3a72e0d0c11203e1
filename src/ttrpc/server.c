/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "ttrpc/conn.h"
#include "ttrpc/envelope.h"
#include "ttrpc/listener.h"
#include "ttrpc/text.h"

/*
 * Handlers may do anything from within their callbacks: answer, fail other calls, free the server.
 * So after each callback a call is looked up again by its stream, a closed connection has no calls,
 * and server and connections are counted while callbacks run.
 */

/* A head holds a status, or the names of a Request; payloads are not copied into it. */
#define HEAD_MAX (TTRPC_TEXT_MAX + 32)

struct ttrpc_server {
	struct loop *loop;
	const struct ttrpc_service *services;
	struct list conns;
	struct list listeners;
	size_t n_conns, max_conns;
	uint64_t last_conn;
	unsigned int refs;
	bool freed;
	/*
	 * Given up for a moment to accept, and close, a connection when there are no descriptors.
	 */
	int spare_fd;
	void (*conn_closed)(void *userdata, uint64_t conn, size_t left);
	void *conn_closed_data;
	void (*flushed)(void *userdata);
	void *flushed_data;
};

struct server_conn {
	struct ttrpc_conn conn;
	struct list link;
	struct ttrpc_server *server;
	struct list calls;
	size_t n_calls;
	uint64_t number;
	uint32_t last_id;
};

/* @sc: NULL while the call is being cancelled: answers have nowhere to go. */
struct server_call {
	struct ttrpc_call pub;
	struct list link;
	struct server_conn *sc;
	uint32_t id;
	bool remote_closed;
};

static void server_unref(struct ttrpc_server *server)
{
	if (--server->refs == 0)
		free(server);
}

/* Answers */

static int send_response(struct server_conn *sc, uint32_t id, enum ttrpc_code code,
			 const char *text, struct ttrpc_bytes payload, bool must)
{
	struct ttrpc_response_envelope response = {
		.code = code,
		.message = {.data = (const uint8_t *)text, .len = strlen(text)},
		.payload = payload,
	};
	uint8_t head[HEAD_MAX];
	struct ttrpc_outgoing out = {
		.frame = {.stream_id = id, .type = TTRPC_FRAME_RESPONSE},
		.head = head,
		.body = payload.data,
		.body_len = payload.len,
	};
	int r = ttrpc_envelope_put_response(&response, head, sizeof(head), &out.head_len);

	return r < 0 ? r : ttrpc_conn_send(&sc->conn, &out, must);
}

static _printf_(4, 0) void send_status_va(struct server_conn *sc, uint32_t id, enum ttrpc_code code,
					  const char *fmt, va_list ap)
{
	char text[TTRPC_TEXT_MAX];
	int r;

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	ttrpc_text_clean(text, strlen(text));
	r = send_response(sc, id, code, text, (struct ttrpc_bytes){0}, true);
	/* A client that is not told would wait for ever. */
	if (r < 0)
		ttrpc_conn_fail(&sc->conn, r);
}

static _printf_(4, 5) void send_status(struct server_conn *sc, uint32_t id, enum ttrpc_code code,
				       const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	send_status_va(sc, id, code, fmt, ap);
	va_end(ap);
}

static int send_data(struct server_conn *sc, uint32_t id, uint8_t flags, const void *data,
		     size_t len, bool must)
{
	struct ttrpc_outgoing out = {
		.frame = {.stream_id = id, .type = TTRPC_FRAME_DATA, .flags = flags},
		.body = data,
		.body_len = len,
	};

	return ttrpc_conn_send(&sc->conn, &out, must);
}

/* Calls */

static struct server_call *call_of(struct ttrpc_call *pub)
{
	return container_of(pub, struct server_call, pub);
}

static void call_free(struct server_call *call)
{
	list_del(&call->link);
	call->sc->n_calls--;
	free(call);
}

static void call_cancel(struct server_call *call)
{
	list_del(&call->link);
	call->sc->n_calls--;
	call->sc = NULL;
	if (call->pub.cancelled)
		call->pub.cancelled(&call->pub);
	free(call);
}

static struct server_call *call_find(struct server_conn *sc, uint32_t id)
{
	list_for_each (it, &sc->calls) {
		struct server_call *call = container_of(it, struct server_call, link);

		if (call->id == id)
			return call;
	}
	return NULL;
}

void ttrpc_call_reply(struct ttrpc_call *pub, const void *payload, size_t len)
{
	struct server_call *call = call_of(pub);
	struct ttrpc_bytes bytes = {.data = payload, .len = len};
	int r;

	if (!call->sc)
		return;
	r = send_response(call->sc, call->id, TTRPC_OK, "", bytes, false);
	if (r == -EMSGSIZE)
		send_status(call->sc, call->id, TTRPC_RESOURCE_EXHAUSTED,
			    "the answer is larger than %u bytes", TTRPC_FRAME_DATA_MAX);
	else if (r == -ENOBUFS || r == -ENOMEM)
		send_status(call->sc, call->id, TTRPC_RESOURCE_EXHAUSTED,
			    r == -ENOMEM ? "out of memory" : "answers are not being read");
	call_free(call);
}

void ttrpc_call_fail(struct ttrpc_call *pub, enum ttrpc_code code, const char *fmt, ...)
{
	struct server_call *call = call_of(pub);
	va_list ap;

	if (!call->sc)
		return;
	va_start(ap, fmt);
	send_status_va(call->sc, call->id, code, fmt, ap);
	va_end(ap);
	call_free(call);
}

int ttrpc_call_send(struct ttrpc_call *pub, const void *payload, size_t len)
{
	struct server_call *call = call_of(pub);
	int r;

	if (!call->sc)
		return 0;
	if (call->sc->conn.queued > TTRPC_CONN_QUEUE_PAUSE)
		return -ENOBUFS;
	r = send_data(call->sc, call->id, 0, payload, len, false);
	/* The end of the connection is told by ->cancelled, and only there. */
	return r == -ENOTCONN ? 0 : r;
}

void ttrpc_call_end(struct ttrpc_call *pub)
{
	struct server_call *call = call_of(pub);
	int r;

	if (!call->sc)
		return;
	r = send_data(call->sc, call->id, TTRPC_FLAG_REMOTE_CLOSED | TTRPC_FLAG_NO_DATA, NULL, 0,
		      true);
	if (r < 0)
		ttrpc_conn_fail(&call->sc->conn, r);
	call_free(call);
}

/* Requests */

static bool same(struct ttrpc_bytes bytes, const char *s)
{
	return strlen(s) == bytes.len && memcmp(s, bytes.data, bytes.len) == 0;
}

static const struct ttrpc_service *find_service(const struct ttrpc_server *server,
						struct ttrpc_bytes name)
{
	for (const struct ttrpc_service *s = server->services; s->name; s++)
		if (same(name, s->name))
			return s;
	return NULL;
}

static const struct ttrpc_method *find_method(const struct ttrpc_service *service,
					      struct ttrpc_bytes name)
{
	for (const struct ttrpc_method *m = service->methods; m->name; m++)
		if (same(name, m->name))
			return m;
	return NULL;
}

/* Give a message of the client to a call's ->received, if the call is still there. */
static void call_received(struct server_conn *sc, uint32_t id, const uint8_t *data, size_t len)
{
	struct server_call *call = call_find(sc, id);

	if (call && call->pub.received)
		call->pub.received(&call->pub, data, len);
}

static void call_remote_closed(struct server_conn *sc, uint32_t id)
{
	struct server_call *call = call_find(sc, id);

	if (!call || call->remote_closed)
		return;
	call->remote_closed = true;
	call_received(sc, id, NULL, 0);
}

static struct server_call *call_new(struct server_conn *sc, uint32_t id)
{
	struct server_call *call = NULL;

	if (sc->n_calls < TTRPC_CONN_CALLS_MAX)
		call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->sc = sc;
	call->id = id;
	list_init(&call->link);
	list_append(&sc->calls, &call->link);
	sc->n_calls++;
	return call;
}

static void serve(struct server_conn *sc, const struct ttrpc_frame *frame,
		  const struct ttrpc_request_envelope *request, const struct ttrpc_service *service,
		  const struct ttrpc_method *method)
{
	bool open = frame->flags & TTRPC_FLAG_REMOTE_OPEN;
	bool bidi = method->stream == TTRPC_BIDI_STREAM;
	struct server_call *call = call_new(sc, frame->stream_id);

	if (!call) {
		send_status(sc, frame->stream_id, TTRPC_RESOURCE_EXHAUSTED, "too many calls");
		return;
	}
	call->pub.service = service;
	call->pub.method = method;
	call->pub.conn = sc->number;
	call->pub.timeout_nano = request->timeout_nano;
	call->pub.payload = bidi ? NULL : request->payload.data;
	call->pub.payload_len = bidi ? 0 : request->payload.len;
	call->remote_closed = !open && !bidi;
	method->handler(&call->pub);
	if (!bidi)
		return;
	/* A message may ride in the Request; an empty one shows only by nothing else following. */
	if (request->payload.data || !open)
		call_received(sc, frame->stream_id,
			      request->payload.data ? request->payload.data : (const uint8_t *)"",
			      request->payload.len);
	if (!open)
		call_remote_closed(sc, frame->stream_id);
}

static void on_request(struct server_conn *sc, const struct ttrpc_frame *frame, const uint8_t *data)
{
	struct ttrpc_request_envelope request;
	const struct ttrpc_service *service;
	const struct ttrpc_method *method;
	uint32_t id = frame->stream_id;

	if (id <= sc->last_id) {
		send_status(sc, id, TTRPC_INVALID_ARGUMENT, "the stream ID %u is used up", id);
		return;
	}
	sc->last_id = id;
	if (ttrpc_envelope_parse_request((struct ttrpc_bytes){data, frame->len}, &request) < 0) {
		send_status(sc, id, TTRPC_INVALID_ARGUMENT, "cannot parse the request");
		return;
	}
	service = find_service(sc->server, request.service);
	if (!service) {
		send_status(sc, id, TTRPC_UNIMPLEMENTED, "service %.*s",
			    (int)MIN(request.service.len, TTRPC_TEXT_MAX), request.service.data);
		return;
	}
	method = find_method(service, request.method);
	if (!method) {
		send_status(sc, id, TTRPC_UNIMPLEMENTED, "%.*s is not implemented",
			    (int)MIN(request.method.len, TTRPC_TEXT_MAX), request.method.data);
		return;
	}
	serve(sc, frame, &request, service, method);
}

/* Refuse a Data frame. The client takes this for the end of the stream, so it is. */
static void refuse_data(struct server_conn *sc, uint32_t id, const char *why)
{
	struct server_call *call = call_find(sc, id);

	send_status(sc, id, TTRPC_INVALID_ARGUMENT, "%s", why);
	if (call)
		call_cancel(call);
}

static void on_data(struct server_conn *sc, const struct ttrpc_frame *frame, const uint8_t *data)
{
	struct server_call *call = call_find(sc, frame->stream_id);
	uint32_t id = frame->stream_id;

	if (!call) {
		refuse_data(sc, id, "the stream is not active");
		return;
	}
	if (!(frame->flags & TTRPC_FLAG_NO_DATA)) {
		if (call->remote_closed || call->pub.method->stream == TTRPC_UNARY) {
			refuse_data(sc, id, "the stream takes no data");
			return;
		}
		call_received(sc, id, data, frame->len);
	}
	if (!(frame->flags & TTRPC_FLAG_REMOTE_CLOSED))
		return;
	call_remote_closed(sc, id);
	if (frame->len > 0 && call_find(sc, id))
		refuse_data(sc, id, "the frame that closes a stream cannot hold data");
}

static void on_frame(struct ttrpc_conn *conn, const struct ttrpc_frame *frame, const uint8_t *data,
		     int error)
{
	struct server_conn *sc = container_of(conn, struct server_conn, conn);

	/* The parity of the ID comes before the type: frames of zeros serve clients as a ping. */
	if (error == -EMSGSIZE)
		send_status(sc, frame->stream_id, TTRPC_RESOURCE_EXHAUSTED,
			    "a message of %u bytes is larger than %u", frame->len,
			    TTRPC_FRAME_DATA_MAX);
	else if (error < 0)
		send_status(sc, frame->stream_id, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
	else if (frame->stream_id % 2 == 0)
		send_status(sc, frame->stream_id, TTRPC_INVALID_ARGUMENT,
			    "stream IDs of clients are odd");
	else if (frame->type == TTRPC_FRAME_DATA)
		on_data(sc, frame, data);
	else if (frame->type == TTRPC_FRAME_REQUEST)
		on_request(sc, frame, data);
}

/* Connections */

static void conn_cancel_calls(struct server_conn *sc)
{
	while (!list_empty(&sc->calls))
		call_cancel(list_first(&sc->calls, struct server_call, link));
}

/* Out of the server, closed, calls cancelled; the caller may still hold a reference. */
static void conn_forget(struct server_conn *sc)
{
	list_del(&sc->link);
	sc->server->n_conns--;
	ttrpc_conn_close(&sc->conn);
	conn_cancel_calls(sc);
	ttrpc_conn_unref(&sc->conn);
}

static struct server_call *next_writable(struct server_conn *sc, uint32_t after)
{
	list_for_each (it, &sc->calls) {
		struct server_call *call = container_of(it, struct server_call, link);

		if (call->id > after && call->pub.writable)
			return call;
	}
	return NULL;
}

/* Calls are in the order of their streams; a callback may end any of them. */
static void on_flushed(struct ttrpc_conn *conn)
{
	struct server_conn *sc = container_of(conn, struct server_conn, conn);
	struct server_call *call;
	uint32_t id = 0;

	while ((call = next_writable(sc, id))) {
		id = call->id;
		call->pub.writable(&call->pub);
	}
	if (sc->server->flushed)
		sc->server->flushed(sc->server->flushed_data);
}

static void on_ended(struct ttrpc_conn *conn, int error _unused_)
{
	struct server_conn *sc = container_of(conn, struct server_conn, conn);
	struct ttrpc_server *server = sc->server;
	uint64_t number = sc->number;

	server->refs++;
	conn_forget(sc);
	if (!server->freed && server->conn_closed)
		server->conn_closed(server->conn_closed_data, number, server->n_conns);
	server_unref(server);
}

static void on_release(struct ttrpc_conn *conn)
{
	free(container_of(conn, struct server_conn, conn));
}

static const struct ttrpc_conn_ops conn_ops = {
	.frame = on_frame,
	.flushed = on_flushed,
	.ended = on_ended,
	.release = on_release,
};

int ttrpc_server_add(struct ttrpc_server *server, int fd)
{
	struct server_conn *sc;
	int r;

	if (server->n_conns >= server->max_conns)
		return -EBUSY;
	sc = calloc(1, sizeof(*sc));
	if (!sc)
		return -ENOMEM;
	r = ttrpc_conn_init(&sc->conn, server->loop, fd, true, &conn_ops);
	if (r < 0) {
		free(sc);
		return r;
	}
	sc->server = server;
	sc->number = ++server->last_conn;
	list_init(&sc->link);
	list_init(&sc->calls);
	list_append(&server->conns, &sc->link);
	server->n_conns++;
	return 0;
}

/* The server */

int ttrpc_server_new(struct loop *loop, const struct ttrpc_service *services, size_t max_conns,
		     struct ttrpc_server **ret)
{
	struct ttrpc_server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->services = services;
	server->max_conns = max_conns;
	server->refs = 1;
	list_init(&server->conns);
	list_init(&server->listeners);
	*ret = server;
	return 0;
}

static int on_accepted(void *userdata, int fd)
{
	return ttrpc_server_add(userdata, fd);
}

int ttrpc_server_listen(struct ttrpc_server *server, int fd, bool same_user)
{
	struct ttrpc_listener *listener;
	int r = ttrpc_listener_new(server->loop, fd, same_user, on_accepted, server, &listener);

	if (r == 0)
		list_append(&server->listeners, &listener->link);
	return r;
}

void ttrpc_server_free(struct ttrpc_server *server)
{
	if (!server || server->freed)
		return;
	server->freed = true;
	while (!list_empty(&server->listeners))
		ttrpc_listener_free(list_first(&server->listeners, struct ttrpc_listener, link));
	while (!list_empty(&server->conns))
		conn_forget(list_first(&server->conns, struct server_conn, link));
	server_unref(server);
}

bool ttrpc_server_idle(const struct ttrpc_server *server)
{
	list_for_each (it, &server->conns)
		if (!ttrpc_conn_told(&container_of(it, struct server_conn, link)->conn))
			return false;
	return true;
}

void ttrpc_server_on_conn_closed(struct ttrpc_server *server,
				 void (*callback)(void *userdata, uint64_t conn, size_t left),
				 void *userdata)
{
	server->conn_closed = callback;
	server->conn_closed_data = userdata;
}

void ttrpc_server_on_flushed(struct ttrpc_server *server, void (*callback)(void *userdata),
			     void *userdata)
{
	server->flushed = callback;
	server->flushed_data = userdata;
}
