/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/client.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/test.h"
#include "ttrpc/test-peer.h"
#include "ttrpc/test-service.h"
#include "ttrpc/text.h"

#define OPEN   TTRPC_FLAG_REMOTE_OPEN
#define CLOSED TTRPC_FLAG_REMOTE_CLOSED
#define NONE   TTRPC_FLAG_NO_DATA

/* A call and what became of it. */
struct call {
	struct ttrpc_request req;
	int n_done;
	enum ttrpc_code code;
	char message[2100];
	char payload[64];
	size_t payload_len;
	char received[64];
	size_t n_received;
};

static struct loop loop;
static struct peer peer;
static struct ttrpc_client *client;
static struct call calls[8];
static size_t n_closed;
static bool free_when_done, free_when_closed, quit_when_done, cancel_when_received;

static void closed(struct ttrpc_client *c, void *userdata)
{
	test_true(c == client && userdata == &peer);
	n_closed++;
	if (free_when_closed) {
		ttrpc_client_free(client);
		client = NULL;
	}
}

static void done(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct call *call = container_of(req, struct call, req);

	test_true(!req->client);
	call->n_done++;
	call->code = answer->code;
	(void)snprintf(call->message, sizeof(call->message), "%s", answer->message);
	call->payload_len = answer->payload_len;
	if (answer->payload_len > 0)
		memcpy(call->payload, answer->payload,
		       MIN(answer->payload_len, sizeof(call->payload)));
	if (free_when_done) {
		ttrpc_client_free(client);
		client = NULL;
	}
	if (quit_when_done)
		loop_quit(&loop, 42);
}

static void received(struct ttrpc_request *req, const uint8_t *data, size_t len)
{
	struct call *call = container_of(req, struct call, req);

	test_int(call->n_done, 0);
	(void)snprintf(call->received, sizeof(call->received), "%.*s", (int)len, data);
	call->n_received++;
	if (cancel_when_received)
		ttrpc_request_cancel(req);
}

static void reset(void)
{
	free_when_done = free_when_closed = quit_when_done = cancel_when_received = false;
	n_closed = 0;
	memset(calls, 0, sizeof(calls));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		ttrpc_request_init(&calls[i].req);
	test_int(loop_init(&loop), 0);
}

static void begin(void)
{
	reset();
	test_int(ttrpc_client_new(&loop, peer_init(&peer, &loop), closed, &peer, &client), 0);
}

static void end(void)
{
	ttrpc_client_free(client);
	peer_done(&peer);
	loop_deinit(&loop);
}

static int call(size_t i, const char *method, const char *payload)
{
	return ttrpc_client_call(client, &calls[i].req, "test.Echo", method, payload,
				 strlen(payload), 0, done);
}

static int stream(size_t i, bool client_streams, const char *payload)
{
	return ttrpc_client_stream(client, &calls[i].req, "test.Echo", "Chat", payload,
				   strlen(payload), client_streams, received, done);
}

static void expect_request(uint32_t id, uint8_t flags, const char *method, const char *payload)
{
	struct ttrpc_request_envelope request;
	struct peer_frame frame;

	test_true(peer_next(&peer, &frame));
	test_int(frame.head.type, TTRPC_FRAME_REQUEST);
	test_int(frame.head.stream_id, id);
	test_int(frame.head.flags, flags);
	test_int(ttrpc_envelope_parse_request((struct ttrpc_bytes){frame.data, frame.head.len},
					      &request),
		 0);
	test_int(request.service.len, 9);
	test_int(request.method.len, strlen(method));
	test_mem(request.method.data, method, strlen(method));
	test_int(request.payload.len, strlen(payload));
	if (*payload)
		test_mem(request.payload.data, payload, strlen(payload));
}

static void expect_done(size_t i, enum ttrpc_code code, const char *payload)
{
	test_int(calls[i].n_done, 1);
	test_int(calls[i].code, code);
	test_int(calls[i].payload_len, strlen(payload));
	test_mem(calls[i].payload, payload, strlen(payload));
	calls[i].n_done = 0;
}

static void answers_come_in_any_order(void)
{
	begin();
	peer.chunk = 1;
	for (size_t i = 0; i < 3; i++)
		test_int(call(i, "Echo", i == 1 ? "" : "x"), 0);
	peer_pump(&peer);
	expect_request(1, 0, "Echo", "x");
	expect_request(3, 0, "Echo", "");
	expect_request(5, 0, "Echo", "x");
	peer_put_response(&peer, 5, 0, "", "five", 4);
	peer_put_response(&peer, 1, TTRPC_NOT_FOUND, "no\x1b one", NULL, 0);
	peer_put_frame(&peer, 3, TTRPC_FRAME_RESPONSE, 0, NULL, 0);
	peer_pump(&peer);
	expect_done(2, TTRPC_OK, "five");
	expect_done(0, TTRPC_NOT_FOUND, "");
	test_str(calls[0].message, "no? one");
	expect_done(1, TTRPC_OK, "");
	test_str(calls[1].message, "");
	/* A request may be used again. */
	test_int(call(0, "Again", ""), 0);
	test_int(call(0, "Again", ""), -EBUSY);
	test_int(stream(0, false, ""), -EBUSY);
	peer_pump(&peer);
	expect_request(7, 0, "Again", "");
	end();
}

/* A guest must not be able to print what looks like several messages of ours. */
static void a_distrusted_peer_has_one_line(void)
{
	char text[TTRPC_LINE_MAX + 2];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	begin();
	ttrpc_client_distrust(client);
	test_int(call(0, "Echo", ""), 0);
	test_int(call(1, "Echo", ""), 0);
	peer_put_response(&peer, 1, TTRPC_UNKNOWN, "no\ncaisson:\t yes", NULL, 0);
	peer_put_response(&peer, 3, TTRPC_UNKNOWN, text, NULL, 0);
	peer_pump(&peer);
	test_str(calls[0].message, "no caisson:  yes");
	test_int(strlen(calls[1].message), TTRPC_LINE_MAX);
	end();
}

static void odd_answers_are_survived(void)
{
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	begin();
	for (size_t i = 0; i < 4; i++)
		test_int(call(i, "Echo", ""), 0);
	peer_put_response(&peer, 99, 0, "", "who?", 4);
	peer_put_response(&peer, 0, 0, "", "even", 4);
	peer_put_frame(&peer, 1, 77, 0, "unknown type", 12);
	peer_put_frame(&peer, 1, TTRPC_FRAME_REQUEST, 0, "a request", 9);
	peer_put_response(&peer, 1, 99, "code", NULL, 0);
	peer_put_response(&peer, 1, 0, "", "twice", 5);
	peer_put_response(&peer, 3, -1, "code", NULL, 0);
	peer_put_frame(&peer, 5, TTRPC_FRAME_RESPONSE, 0, "\x0a\x01", 2);
	peer_put_frame(&peer, 7, TTRPC_FRAME_DATA, 0, "data", 4);
	peer_pump(&peer);
	expect_done(0, TTRPC_UNKNOWN, "");
	expect_done(1, TTRPC_UNKNOWN, "");
	expect_done(2, TTRPC_INTERNAL, "");
	expect_done(3, TTRPC_INTERNAL, "");
	test_int(n_closed, 0);
	end();
}

static void oversized_answer_fails_its_call_only(void)
{
	begin();
	peer.chunk = 300000;
	test_int(call(0, "Echo", ""), 0);
	test_int(call(1, "Echo", ""), 0);
	peer_put_frame(&peer, 1, TTRPC_FRAME_RESPONSE, 0, NULL, TTRPC_FRAME_DATA_MAX + 1);
	peer_put_response(&peer, 3, 0, "", "fine", 4);
	peer_pump(&peer);
	expect_done(0, TTRPC_RESOURCE_EXHAUSTED, "");
	expect_done(1, TTRPC_OK, "fine");
	end();
}

static void a_client_may_take_less(void)
{
	begin();
	ttrpc_client_limit(client, 8192);
	test_int(call(0, "Echo", ""), 0);
	test_int(call(1, "Echo", ""), 0);
	peer_put_frame(&peer, 1, TTRPC_FRAME_RESPONSE, 0, NULL, 8193);
	peer_put_response(&peer, 3, 0, "", "fine", 4);
	peer_pump(&peer);
	expect_done(0, TTRPC_RESOURCE_EXHAUSTED, "");
	expect_done(1, TTRPC_OK, "fine");
	end();
}

static void what_cannot_be_sent_is_refused(void)
{
	size_t len = TTRPC_FRAME_DATA_MAX;
	char *payload = calloc(1, len + 1);
	char name[1100];

	test_true(payload);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	begin();
	test_int(ttrpc_client_call(client, &calls[0].req, "s", "m", payload, len, 0, done),
		 -EMSGSIZE);
	test_int(ttrpc_client_call(client, &calls[0].req, name, "m", "", 0, 0, done),
		 -ENAMETOOLONG);
	peer_pump(&peer);
	peer_expect_nothing(&peer);
	/* A server that does not read: the first fills the queue, the next finds no room. */
	len = 4000000;
	test_int(ttrpc_client_call(client, &calls[0].req, "s", "m", payload, len, 0, done), 0);
	test_int(ttrpc_client_call(client, &calls[1].req, "s", "m", payload, len, 0, done),
		 -ENOBUFS);
	test_true(!calls[1].req.client);
	peer_pump(&peer);
	test_int(ttrpc_client_call(client, &calls[1].req, "s", "m", payload, len, 0, done), 0);
	peer_pump(&peer);
	free(payload);
	end();
	test_int(calls[0].n_done, 0);
}

static void cancelled_call_is_forgotten(void)
{
	begin();
	test_int(call(0, "Echo", ""), 0);
	test_int(call(1, "Echo", ""), 0);
	ttrpc_request_cancel(&calls[0].req);
	ttrpc_request_cancel(&calls[0].req);
	ttrpc_request_cancel(&calls[2].req);
	peer_put_response(&peer, 1, 0, "", "late", 4);
	peer_put_response(&peer, 3, 0, "", "fine", 4);
	peer_pump(&peer);
	test_int(calls[0].n_done, 0);
	expect_done(1, TTRPC_OK, "fine");
	end();
}

static void deadline_ends_a_call(void)
{
	static const int64_t timeouts[] = {1000000, 1, -1, INT64_MIN};

	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		begin();
		quit_when_done = true;
		test_int(ttrpc_client_call(client, &calls[0].req, "test.Echo", "Keep", "", 0,
					   timeouts[i], done),
			 0);
		test_int(ttrpc_client_call(client, &calls[1].req, "test.Echo", "Keep", "", 0,
					   INT64_MAX, done),
			 0);
		test_int(calls[0].n_done, 0);
		test_int(loop_run(&loop), 42);
		quit_when_done = false;
		expect_done(0, TTRPC_DEADLINE_EXCEEDED, "");
		peer_put_response(&peer, 1, 0, "", "late", 4);
		peer_put_response(&peer, 3, 0, "", "fine", 4);
		peer_pump(&peer);
		test_int(calls[0].n_done, 0);
		expect_done(1, TTRPC_OK, "fine");
		end();
	}
}

static void answered_call_has_no_deadline_left(void)
{
	begin();
	for (size_t i = 0; i < 2; i++)
		test_int(ttrpc_client_call(client, &calls[i].req, "test.Echo", "Echo", "", 0,
					   INT64_MAX, done),
			 0);
	ttrpc_request_cancel(&calls[0].req);
	peer_put_response(&peer, 3, 0, "", "x", 1);
	peer_pump(&peer);
	expect_done(1, TTRPC_OK, "x");
	test_true(list_empty(&loop.timers));
	end();
}

static void disconnect_completes_all_calls(void)
{
	begin();
	for (size_t i = 0; i < 5; i++)
		test_int(call(i, "Keep", ""), 0);
	test_int(stream(5, true, ""), 0);
	peer_put_response(&peer, 5, 0, "", "x", 1);
	peer_put(&peer, "\0\0\1", 3);
	peer_pump(&peer);
	peer_close(&peer);
	loop_settle(&loop);
	expect_done(2, TTRPC_OK, "x");
	for (size_t i = 0; i < 6; i++)
		if (i != 2)
			expect_done(i, TTRPC_UNAVAILABLE, "");
	test_int(n_closed, 1);
	test_int(call(0, "Keep", ""), -ENOTCONN);
	test_int(stream(0, false, ""), -ENOTCONN);
	test_int(ttrpc_request_send(&calls[5].req, "x", 1), -ENOTCONN);
	end();
	test_int(n_closed, 1);
}

/* The peer answers and goes; the client finds out by writing, and still gets the answer. */
static void answers_before_a_broken_write_count(void)
{
	begin();
	test_int(call(0, "Echo", ""), 0);
	peer_pump(&peer);
	peer_put_response(&peer, 1, 0, "", "last", 4);
	test_int(send(peer.fd, peer.out, peer.out_len, 0), peer.out_len);
	peer_close(&peer);
	test_int(call(1, "Echo", ""), 0);
	test_int(calls[1].n_done, 0);
	test_int(call(2, "Echo", ""), -ENOTCONN);
	loop_settle(&loop);
	expect_done(0, TTRPC_OK, "last");
	expect_done(1, TTRPC_UNAVAILABLE, "");
	test_int(n_closed, 1);
	end();
}

static void client_may_be_freed_in_callbacks(void)
{
	begin();
	free_when_done = true;
	test_int(call(0, "Keep", ""), 0);
	test_int(call(1, "Keep", ""), 0);
	peer_put_response(&peer, 1, 0, "", "x", 1);
	peer_put_response(&peer, 3, 0, "", "x", 1);
	peer_pump(&peer);
	expect_done(0, TTRPC_OK, "x");
	test_int(calls[1].n_done, 0);
	test_int(n_closed, 0);
	end();

	begin();
	free_when_done = true;
	test_int(call(0, "Keep", ""), 0);
	test_int(call(1, "Keep", ""), 0);
	peer_close(&peer);
	loop_settle(&loop);
	expect_done(0, TTRPC_UNAVAILABLE, "");
	test_int(calls[1].n_done, 0);
	test_int(n_closed, 0);
	end();

	begin();
	free_when_closed = true;
	test_int(call(0, "Keep", ""), 0);
	peer_close(&peer);
	loop_settle(&loop);
	expect_done(0, TTRPC_UNAVAILABLE, "");
	test_int(n_closed, 1);
	end();
}

static void server_streams(void)
{
	begin();
	peer.chunk = 1;
	test_int(stream(0, false, "go"), 0);
	test_int(ttrpc_request_send(&calls[0].req, "x", 1), -EPIPE);
	peer_pump(&peer);
	expect_request(1, CLOSED, "Chat", "go");
	peer_put_frame(&peer, 1, TTRPC_FRAME_DATA, 0, "one", 3);
	peer_put_frame(&peer, 1, TTRPC_FRAME_DATA, NONE, NULL, 0);
	peer_put_frame(&peer, 1, TTRPC_FRAME_DATA, 0, "", 0);
	peer_pump(&peer);
	test_int(calls[0].n_received, 2);
	test_str(calls[0].received, "");
	/* The end may carry a message. */
	peer_put_frame(&peer, 1, TTRPC_FRAME_DATA, CLOSED, "last", 4);
	peer_put_frame(&peer, 1, TTRPC_FRAME_DATA, 0, "late", 4);
	peer_pump(&peer);
	test_int(calls[0].n_received, 3);
	test_str(calls[0].received, "last");
	expect_done(0, TTRPC_OK, "");
	end();
}

static void streams_end_in_three_ways(void)
{
	begin();
	for (size_t i = 0; i < 3; i++)
		test_int(stream(i, true, ""), 0);
	peer_put_frame(&peer, 1, TTRPC_FRAME_DATA, CLOSED | NONE, NULL, 0);
	peer_put_response(&peer, 3, 0, "", "sum", 3);
	peer_put_response(&peer, 5, TTRPC_ABORTED, "no", NULL, 0);
	peer_pump(&peer);
	expect_done(0, TTRPC_OK, "");
	expect_done(1, TTRPC_OK, "sum");
	expect_done(2, TTRPC_ABORTED, "");
	end();
}

static void client_streams(void)
{
	begin();
	test_int(stream(0, true, ""), 0);
	test_int(ttrpc_request_send(&calls[0].req, "one", 3), 0);
	test_int(ttrpc_request_send(&calls[0].req, "", 0), 0);
	test_int(ttrpc_request_close_send(&calls[0].req), 0);
	test_int(ttrpc_request_close_send(&calls[0].req), -EPIPE);
	test_int(ttrpc_request_send(&calls[0].req, "two", 3), -EPIPE);
	peer_pump(&peer);
	expect_request(1, OPEN, "Chat", "");
	peer_expect_data(&peer, 1, 0, "one", 3);
	peer_expect_data(&peer, 1, 0, NULL, 0);
	peer_expect_data(&peer, 1, CLOSED | NONE, NULL, 0);
	peer_expect_nothing(&peer);
	end();
}

static void stream_may_be_cancelled_when_received(void)
{
	begin();
	cancel_when_received = true;
	test_int(stream(0, false, ""), 0);
	peer_put_frame(&peer, 1, TTRPC_FRAME_DATA, CLOSED, "x", 1);
	peer_put_frame(&peer, 1, TTRPC_FRAME_DATA, 0, "y", 1);
	peer_pump(&peer);
	test_int(calls[0].n_received, 1);
	test_int(calls[0].n_done, 0);
	end();
}

/* Our server at the other end, in the same loop. */
static void begin_with_server(void)
{
	int fds[2];

	reset();
	service_start(&loop, 8);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	test_int(ttrpc_server_add(service_server, fds[0]), 0);
	test_int(ttrpc_client_new(&loop, fds[1], closed, &peer, &client), 0);
}

static void end_with_server(void)
{
	ttrpc_server_free(service_server);
	loop_settle(&loop);
	test_int(n_closed, 1);
	ttrpc_client_free(client);
	loop_deinit(&loop);
}

static void speaks_with_our_server(void)
{
	begin_with_server();
	test_int(call(0, "Keep", "a"), 0);
	test_int(call(1, "Echo", "b"), 0);
	test_int(call(2, "Fail", "c"), 0);
	test_int(call(3, "Nope", ""), 0);
	test_int(stream(4, true, ""), 0);
	test_int(ttrpc_request_send(&calls[4].req, "ping", 4), 0);
	loop_settle(&loop);
	expect_done(1, TTRPC_OK, "b");
	expect_done(2, TTRPC_NOT_FOUND, "");
	test_str(calls[2].message, "c");
	expect_done(3, TTRPC_UNIMPLEMENTED, "");
	test_str(calls[4].received, "ping");
	test_int(ttrpc_request_close_send(&calls[4].req), 0);
	ttrpc_call_reply(service_kept[0], "A", 1);
	loop_settle(&loop);
	expect_done(0, TTRPC_OK, "A");
	expect_done(4, TTRPC_OK, "");
	end_with_server();
}

static void many_calls_at_once(void)
{
	enum { N = 1000 };
	struct call *many = calloc(N, sizeof(*many));

	test_true(many);
	begin_with_server();
	for (size_t i = 0; i < N; i++) {
		ttrpc_request_init(&many[i].req);
		test_int(ttrpc_client_call(client, &many[i].req, "test.Echo", "Keep", &i, sizeof(i),
					   0, done),
			 0);
	}
	loop_settle(&loop);
	test_int(service_n_kept, N);
	for (size_t i = 0; i < N; i++) {
		size_t nth = (i * 7) % N;

		ttrpc_call_reply(service_kept[nth], &nth, sizeof(nth));
	}
	loop_settle(&loop);
	for (size_t i = 0; i < N; i++) {
		test_int(many[i].n_done, 1);
		test_int(many[i].payload_len, sizeof(i));
		test_mem(many[i].payload, &i, sizeof(i));
	}
	end_with_server();
	free(many);
}

static void large_messages_pass_both_ways(void)
{
	static const size_t len = 2 << 20;
	char *payload = calloc(1, len);

	test_true(payload);
	begin_with_server();
	for (size_t i = 0; i < 4; i++) {
		test_int(ttrpc_client_call(client, &calls[i].req, "test.Echo", "Echo", payload, len,
					   0, done),
			 0);
		loop_settle(&loop);
		test_int(calls[i].n_done, 1);
		test_int(calls[i].code, 0);
		test_int(calls[i].payload_len, len);
	}
	free(payload);
	end_with_server();
}

int main(void)
{
	test_run(answers_come_in_any_order);
	test_run(a_distrusted_peer_has_one_line);
	test_run(odd_answers_are_survived);
	test_run(oversized_answer_fails_its_call_only);
	test_run(a_client_may_take_less);
	test_run(what_cannot_be_sent_is_refused);
	test_run(cancelled_call_is_forgotten);
	test_run(deadline_ends_a_call);
	test_run(answered_call_has_no_deadline_left);
	test_run(disconnect_completes_all_calls);
	test_run(answers_before_a_broken_write_count);
	test_run(client_may_be_freed_in_callbacks);
	test_run(server_streams);
	test_run(streams_end_in_three_ways);
	test_run(client_streams);
	test_run(stream_may_be_cancelled_when_received);
	test_run(speaks_with_our_server);
	test_run(many_calls_at_once);
	test_run(large_messages_pass_both_ways);
	return 0;
}
