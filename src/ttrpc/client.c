/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ttrpc/conn.h"
#include "ttrpc/envelope.h"
#include "ttrpc/text.h"

/* The names of service and method, and a few numbers. */
#define HEAD_MAX 1024

struct ttrpc_client {
	struct ttrpc_conn conn;
	struct list requests;
	uint32_t next_id;
	bool freed, distrusted;
	void (*closed)(struct ttrpc_client *client, void *userdata);
	void *userdata;
};

void ttrpc_request_init(struct ttrpc_request *req)
{
	*req = (struct ttrpc_request)TTRPC_REQUEST_NULL(*req);
}

void ttrpc_request_cancel(struct ttrpc_request *req)
{
	list_del(&req->link);
	loop_timer_stop(&req->deadline);
	req->client = NULL;
}

/* The request is its owner's again before ->done is called. */
static void complete(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	ttrpc_request_cancel(req);
	req->done(req, answer);
}

static void complete_status(struct ttrpc_request *req, enum ttrpc_code code, const char *message)
{
	struct ttrpc_answer answer = {.code = code, .message = message};

	complete(req, &answer);
}

/* What the server sends */

static struct ttrpc_request *find(struct ttrpc_client *client, uint32_t id)
{
	list_for_each (it, &client->requests) {
		struct ttrpc_request *req = container_of(it, struct ttrpc_request, link);

		if (req->stream_id == id)
			return req;
	}
	return NULL;
}

static void on_response(const struct ttrpc_client *client, struct ttrpc_request *req,
			struct ttrpc_bytes data)
{
	struct ttrpc_response_envelope response;
	struct ttrpc_answer answer;
	char text[TTRPC_TEXT_MAX + 1];
	size_t len;

	if (ttrpc_envelope_parse_response(data, &response) < 0) {
		complete_status(req, TTRPC_INTERNAL, "cannot parse the response");
		return;
	}
	len = MIN(response.message.len,
		  (size_t)(client->distrusted ? TTRPC_LINE_MAX : TTRPC_TEXT_MAX));
	if (len > 0)
		memcpy(text, response.message.data, len);
	text[len] = '\0';
	if (client->distrusted)
		ttrpc_text_line(text, len);
	else
		ttrpc_text_clean(text, len);
	answer = (struct ttrpc_answer){
		.code = TTRPC_UNKNOWN,
		.message = text,
		.payload = response.payload.data,
		.payload_len = response.payload.len,
	};
	if (response.code >= TTRPC_OK && response.code <= TTRPC_UNAUTHENTICATED)
		answer.code = (enum ttrpc_code)response.code;
	complete(req, &answer);
}

static void on_data(struct ttrpc_client *client, struct ttrpc_request *req,
		    const struct ttrpc_frame *frame, const uint8_t *data)
{
	if (!req->streaming) {
		complete_status(req, TTRPC_INTERNAL, "the server streams an answer to one message");
		return;
	}
	if (!(frame->flags & TTRPC_FLAG_NO_DATA) && req->received)
		req->received(req, data, frame->len);
	if (!(frame->flags & TTRPC_FLAG_REMOTE_CLOSED))
		return;
	/* The callback may have cancelled and freed it. */
	req = find(client, frame->stream_id);
	if (req)
		complete_status(req, TTRPC_OK, "");
}

/* Answers to calls that were cancelled, and frames of unknown types, are dropped. */
static void on_frame(struct ttrpc_conn *conn, const struct ttrpc_frame *frame, const uint8_t *data,
		     int error)
{
	struct ttrpc_client *client = container_of(conn, struct ttrpc_client, conn);
	struct ttrpc_request *req = find(client, frame->stream_id);

	if (!req)
		return;
	if (error < 0)
		complete_status(req, TTRPC_RESOURCE_EXHAUSTED,
				error == -EMSGSIZE ? "the answer is too large" : "out of memory");
	else if (frame->type == TTRPC_FRAME_RESPONSE)
		on_response(client, req, (struct ttrpc_bytes){data, frame->len});
	else if (frame->type == TTRPC_FRAME_DATA)
		on_data(client, req, frame, data);
}

static void on_ended(struct ttrpc_conn *conn, int error _unused_)
{
	struct ttrpc_client *client = container_of(conn, struct ttrpc_client, conn);

	while (!list_empty(&client->requests))
		complete_status(list_first(&client->requests, struct ttrpc_request, link),
				TTRPC_UNAVAILABLE, TTRPC_CLIENT_CLOSED);
	if (!client->freed && client->closed)
		client->closed(client, client->userdata);
}

static void on_release(struct ttrpc_conn *conn)
{
	free(container_of(conn, struct ttrpc_client, conn));
}

static const struct ttrpc_conn_ops conn_ops = {
	.frame = on_frame,
	.ended = on_ended,
	.release = on_release,
};

int ttrpc_client_new(struct loop *loop, int fd,
		     void (*closed)(struct ttrpc_client *client, void *userdata), void *userdata,
		     struct ttrpc_client **ret)
{
	struct ttrpc_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	r = ttrpc_conn_init(&client->conn, loop, fd, false, &conn_ops);
	if (r < 0) {
		free(client);
		return r;
	}
	list_init(&client->requests);
	client->next_id = 1;
	client->closed = closed;
	client->userdata = userdata;
	*ret = client;
	return 0;
}

void ttrpc_client_distrust(struct ttrpc_client *client)
{
	client->distrusted = true;
}

void ttrpc_client_limit(struct ttrpc_client *client, uint32_t bytes)
{
	client->conn.frame_max = bytes;
}

void ttrpc_client_free(struct ttrpc_client *client)
{
	if (!client || client->freed)
		return;
	client->freed = true;
	while (!list_empty(&client->requests))
		ttrpc_request_cancel(list_first(&client->requests, struct ttrpc_request, link));
	ttrpc_conn_close(&client->conn);
	ttrpc_conn_unref(&client->conn);
}

/* What the client sends */

static void on_deadline(struct loop_timer *timer)
{
	struct ttrpc_request *req = container_of(timer, struct ttrpc_request, deadline);

	complete_status(req, TTRPC_DEADLINE_EXCEEDED, "no answer in time");
}

static uint64_t deadline_of(const struct loop *loop, int64_t timeout_nano)
{
	uint64_t now = loop_now(loop), deadline;

	if (timeout_nano < 0)
		return now;
	if (__builtin_add_overflow(now, (uint64_t)timeout_nano, &deadline))
		return UINT64_MAX;
	return deadline;
}

static struct ttrpc_bytes bytes_of(const char *s)
{
	return (struct ttrpc_bytes){.data = (const uint8_t *)s, .len = strlen(s)};
}

/* @req has all but link, client, stream and deadline filled in. */
static int start(struct ttrpc_client *client, struct ttrpc_request *req, uint8_t flags,
		 const struct ttrpc_request_envelope *request)
{
	uint8_t head[HEAD_MAX];
	struct ttrpc_outgoing out = {
		.frame =
			{
				.stream_id = client->next_id,
				.type = TTRPC_FRAME_REQUEST,
				.flags = flags,
			},
		.head = head,
		.body = request->payload.data,
		.body_len = request->payload.len,
	};
	int r;

	if (client->next_id == UINT32_MAX)
		return -EOVERFLOW;
	r = ttrpc_envelope_put_request(request, head, sizeof(head), &out.head_len);
	if (r == 0)
		r = ttrpc_conn_send(&client->conn, &out, false);
	if (r < 0)
		return r;
	req->client = client;
	req->stream_id = client->next_id;
	client->next_id += 2;
	list_append(&client->requests, &req->link);
	if (request->timeout_nano != 0)
		loop_timer_start(client->conn.loop, &req->deadline,
				 deadline_of(client->conn.loop, request->timeout_nano),
				 on_deadline);
	return 0;
}

int ttrpc_client_call(struct ttrpc_client *client, struct ttrpc_request *req, const char *service,
		      const char *method, const void *payload, size_t len, int64_t timeout_nano,
		      void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	struct ttrpc_request_envelope request = {
		.service = bytes_of(service),
		.method = bytes_of(method),
		.payload = {.data = payload, .len = len},
		.timeout_nano = timeout_nano,
	};

	if (req->client)
		return -EBUSY;
	req->done = done;
	req->received = NULL;
	req->streaming = req->send_open = false;
	return start(client, req, 0, &request);
}

int ttrpc_client_stream(struct ttrpc_client *client, struct ttrpc_request *req, const char *service,
			const char *method, const void *payload, size_t len, bool client_streams,
			void (*received)(struct ttrpc_request *req, const uint8_t *data,
					 size_t len),
			void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	struct ttrpc_request_envelope request = {
		.service = bytes_of(service),
		.method = bytes_of(method),
		.payload = {.data = payload, .len = len},
	};

	if (req->client)
		return -EBUSY;
	req->done = done;
	req->received = received;
	req->streaming = true;
	req->send_open = client_streams;
	return start(client, req,
		     client_streams ? TTRPC_FLAG_REMOTE_OPEN : TTRPC_FLAG_REMOTE_CLOSED, &request);
}

static int send_data(struct ttrpc_request *req, uint8_t flags, const void *payload, size_t len)
{
	struct ttrpc_outgoing out = {
		.frame = {.stream_id = req->stream_id, .type = TTRPC_FRAME_DATA, .flags = flags},
		.body = payload,
		.body_len = len,
	};

	if (!req->client)
		return -ENOTCONN;
	if (!req->send_open)
		return -EPIPE;
	return ttrpc_conn_send(&req->client->conn, &out, false);
}

int ttrpc_request_send(struct ttrpc_request *req, const void *payload, size_t len)
{
	return send_data(req, 0, payload, len);
}

int ttrpc_request_close_send(struct ttrpc_request *req)
{
	int r = send_data(req, TTRPC_FLAG_REMOTE_CLOSED | TTRPC_FLAG_NO_DATA, NULL, 0);

	if (r == 0)
		req->send_open = false;
	return r;
}
