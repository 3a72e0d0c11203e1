/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/server.h"

#include <sys/socket.h>

#include "base/fd.h"
#include "base/test.h"
#include "ttrpc/test-peer.h"
#include "ttrpc/test-service.h"

static struct loop loop;
static struct peer peer;
static size_t n_closed, n_left;
static uint64_t closed_conn;

static void conn_closed(void *userdata, uint64_t conn, size_t left)
{
	test_true(userdata == &peer);
	n_closed++;
	n_left = left;
	test_true(conn > closed_conn);
	closed_conn = conn;
}

static void begin(void)
{
	test_int(loop_init(&loop), 0);
	service_start(&loop, 8);
	n_closed = n_left = 0;
	closed_conn = 0;
	ttrpc_server_on_conn_closed(service_server, conn_closed, &peer);
	test_int(ttrpc_server_add(service_server, peer_init(&peer, &loop)), 0);
}

static void end(void)
{
	ttrpc_server_free(service_server);
	peer_done(&peer);
	loop_deinit(&loop);
}

static void request(uint32_t stream, const char *method, const char *payload)
{
	peer_put_request(&peer, stream, 0, "test.Echo", method, payload, strlen(payload));
}

/* The connection still serves, and nothing else was answered. */
static void expect_alive(uint32_t stream)
{
	request(stream, "Echo", "alive");
	peer_pump(&peer);
	peer_expect_response(&peer, stream, 0, "alive", 5);
	peer_expect_nothing(&peer);
}

static void echo_in_chunks(size_t chunk)
{
	begin();
	peer.chunk = chunk;
	request(1, "Echo", "hello");
	request(3, "Echo", "");
	request(1001, "Echo", "gaps are fine");
	peer_pump(&peer);
	peer_expect_response(&peer, 1, 0, "hello", 5);
	peer_expect_response(&peer, 3, 0, NULL, 0);
	peer_expect_response(&peer, 1001, 0, "gaps are fine", 13);
	peer_expect_nothing(&peer);
	test_int(service_timeout, 12345);
	test_true(ttrpc_server_idle(service_server));
	end();
}

static void frames_of_any_split_are_served(void)
{
	static const size_t chunks[] = {SIZE_MAX, 1, 3, 7, 11, 64};

	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++)
		echo_in_chunks(chunks[i]);
}

/* On a socket that keeps them apart, each write can be seen. */
static void answers_to_one_read_are_one_write(void)
{
	char packet[4096];
	size_t len = 3 * (TTRPC_FRAME_HEADER_LEN + 2 + 5);
	int pair[2];

	begin();
	test_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	test_int(ttrpc_server_add(service_server, pair[0]), 0);
	request(1, "Echo", "first");
	request(3, "Keep", "later");
	request(5, "Echo", "other");
	request(7, "Echo", "third");
	test_int(send(pair[1], peer.out, peer.out_len, 0), peer.out_len);
	loop_settle(&loop);
	test_int(recv(pair[1], packet, sizeof(packet), MSG_DONTWAIT), len);
	test_int(recv(pair[1], packet, sizeof(packet), MSG_DONTWAIT), -1);
	/* What is answered later is written at once. */
	ttrpc_call_reply(service_kept[0], "later", 5);
	test_int(recv(pair[1], packet, sizeof(packet), MSG_DONTWAIT), len / 3);
	fd_close(pair[1]);
	end();
}

static void answers_of_any_size_keep_their_order(void)
{
	static const char *const sizes[] = {"3", "5000", "7", "4084", "1", "300000", "2"};
	char *zeros = calloc(1, 300000);

	test_true(zeros);
	begin();
	for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++)
		request(2 * i + 1, "Size", sizes[i]);
	peer_pump(&peer);
	for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++)
		peer_expect_response(&peer, 2 * i + 1, 0, zeros, strtoul(sizes[i], NULL, 10));
	peer_expect_nothing(&peer);
	free(zeros);
	end();
}

/* Handlers may ask whether all has been written, and end the server: answers are not left behind. */
static void answers_do_not_wait_for_ever(void)
{
	begin();
	request(1, "Echo", "first");
	request(3, "Told", "told");
	request(5, "Echo", "third");
	request(7, "Free", "");
	peer_pump(&peer);
	peer_expect_response(&peer, 1, 0, "first", 5);
	peer_expect_response(&peer, 3, 0, "told", 4);
	peer_expect_response(&peer, 5, 0, "third", 5);
	peer_expect_nothing(&peer);
	test_true(peer.eof);
	end();
}

/* Around the size of the input buffer, where frames change from in place to memory of their own. */
static void frames_of_any_size_are_served(void)
{
	static const size_t chunks[] = {SIZE_MAX, 4096, 997};
	char *payload = calloc(1, 70000);
	uint32_t stream = 1;

	test_true(payload);
	for (size_t i = 0; i < 70000; i++)
		payload[i] = (char)('a' + i % 23);
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		peer.chunk = chunks[i];
		for (size_t len = 4000; len < 4200; len++, stream += 2) {
			peer_put_request(&peer, stream, 0, "test.Echo", "Echo", payload, len);
			peer_pump(&peer);
			peer_expect_response(&peer, stream, 0, payload, len);
		}
		peer_put_request(&peer, stream, 0, "test.Echo", "Echo", payload, 70000);
		peer_pump(&peer);
		peer_expect_response(&peer, stream, 0, payload, 70000);
		stream += 2;
	}
	free(payload);
	end();
}

static void largest_frame_is_served(void)
{
	/* service, method, timeout and the payload's own length: 2+9, 2+4, 3, 4 bytes */
	size_t len = TTRPC_FRAME_DATA_MAX - 25;
	char *payload = calloc(1, len + 1);

	test_true(payload);
	begin();
	peer.chunk = 1 << 20;
	peer_put_request(&peer, 1, 0, "test.Echo", "Echo", payload, len - 1);
	test_true(peer.out_len <= TTRPC_FRAME_HEADER_LEN + TTRPC_FRAME_DATA_MAX);
	peer_pump(&peer);
	peer_expect_response(&peer, 1, 0, payload, len - 1);
	free(payload);
	end();
}

static void oversized_frame_is_dropped_and_answered(void)
{
	static const size_t sizes[] = {TTRPC_FRAME_DATA_MAX + 1, TTRPC_FRAME_DATA_MAX + 4097,
				       3 * TTRPC_FRAME_DATA_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		begin();
		peer.chunk = 100001;
		peer_put_frame(&peer, 5, TTRPC_FRAME_REQUEST, 0, NULL, sizes[i]);
		/* Comes before the parity of the stream, and does not use the stream up. */
		peer_put_frame(&peer, 8, TTRPC_FRAME_REQUEST, 0, NULL, sizes[i]);
		peer_pump(&peer);
		peer_expect_response(&peer, 5, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
		peer_expect_response(&peer, 8, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
		expect_alive(5);
		end();
	}
}

static void oversized_answer_becomes_an_error(void)
{
	begin();
	request(1, "Size", "4194305");
	request(3, "Size", "4194304");
	request(5, "Size", "4194298");
	peer_pump(&peer);
	peer_expect_response(&peer, 1, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
	peer_expect_response(&peer, 3, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
	test_int(peer.in_len - peer.in_at, TTRPC_FRAME_HEADER_LEN + 4194298 + 5);
	end();
}

static void answers_come_in_any_order(void)
{
	begin();
	request(1, "Keep", "");
	request(3, "Keep", "");
	request(5, "Keep", "");
	request(7, "Echo", "between");
	peer_pump(&peer);
	peer_expect_response(&peer, 7, 0, "between", 7);
	peer_expect_nothing(&peer);
	ttrpc_call_reply(service_kept[2], "c", 1);
	ttrpc_call_fail(service_kept[0], TTRPC_ABORTED, "a");
	ttrpc_call_reply(service_kept[1], "b", 1);
	peer_pump(&peer);
	peer_expect_response(&peer, 5, 0, "c", 1);
	peer_expect_response(&peer, 1, TTRPC_ABORTED, NULL, 0);
	peer_expect_response(&peer, 3, 0, "b", 1);
	peer_expect_nothing(&peer);
	test_int(service_n_cancelled, 0);
	end();
}

static void frame_of_zeros_is_a_ping(void)
{
	struct peer_frame frame;

	begin();
	peer_put(&peer, NULL, 10);
	peer_pump(&peer);
	test_true(peer_next(&peer, &frame));
	test_int(frame.head.stream_id, 0);
	test_true(frame.head.len > 0);
	peer_put(&peer, NULL, 10);
	peer_pump(&peer);
	peer_expect_response(&peer, 0, TTRPC_INVALID_ARGUMENT, NULL, 0);
	expect_alive(1);
	end();
}

static void bad_streams_are_refused(void)
{
	begin();
	request(2, "Echo", "");
	request(7, "Keep", "");
	request(7, "Echo", "");
	request(5, "Echo", "");
	peer_put_frame(&peer, 4, TTRPC_FRAME_DATA, 0, "x", 1);
	peer_put_frame(&peer, 9, TTRPC_FRAME_DATA, 0, "x", 1);
	peer_put_frame(&peer, 0xffffffff, TTRPC_FRAME_DATA, TTRPC_FLAG_NO_DATA, NULL, 0);
	peer_pump(&peer);
	peer_expect_response(&peer, 2, TTRPC_INVALID_ARGUMENT, NULL, 0);
	peer_expect_response(&peer, 7, TTRPC_INVALID_ARGUMENT, NULL, 0);
	peer_expect_response(&peer, 5, TTRPC_INVALID_ARGUMENT, NULL, 0);
	peer_expect_response(&peer, 4, TTRPC_INVALID_ARGUMENT, NULL, 0);
	peer_expect_response(&peer, 9, TTRPC_INVALID_ARGUMENT, NULL, 0);
	peer_expect_response(&peer, 0xffffffff, TTRPC_INVALID_ARGUMENT, NULL, 0);
	expect_alive(9);
	test_int(service_n_cancelled, 0);
	end();
}

static void unparsable_request_is_refused(void)
{
	begin();
	peer_put_frame(&peer, 1, TTRPC_FRAME_REQUEST, 0, "\x0a\xff", 2);
	peer_pump(&peer);
	peer_expect_response(&peer, 1, TTRPC_INVALID_ARGUMENT, NULL, 0);
	/* An empty one parses: a service without a name. */
	peer_put_frame(&peer, 3, TTRPC_FRAME_REQUEST, 0, NULL, 0);
	peer_pump(&peer);
	peer_expect_response(&peer, 3, TTRPC_UNIMPLEMENTED, NULL, 0);
	expect_alive(5);
	end();
}

static void expect_text(uint32_t stream, int code, const char *text)
{
	struct ttrpc_response_envelope response;
	struct peer_frame frame;

	test_true(peer_next(&peer, &frame));
	test_int(frame.head.stream_id, stream);
	test_int(ttrpc_envelope_parse_response((struct ttrpc_bytes){frame.data, frame.head.len},
					       &response),
		 0);
	test_int(response.code, code);
	test_int(response.message.len, strlen(text));
	test_mem(response.message.data, text, strlen(text));
}

static void unknown_names_are_told(void)
{
	begin();
	peer_put_request(&peer, 1, 0, "test.Ech", "Echo", "", 0);
	peer_put_request(&peer, 3, 0, "test.Echo", "Echoo", "", 0);
	peer_put_request(&peer, 5, 0, "bad\x1b\xff", "Echo", "", 0);
	peer_pump(&peer);
	expect_text(1, TTRPC_UNIMPLEMENTED, "service test.Ech");
	expect_text(3, TTRPC_UNIMPLEMENTED, "Echoo is not implemented");
	expect_text(5, TTRPC_UNIMPLEMENTED, "service bad??");
	expect_alive(7);
	end();
}

static void texts_of_errors_are_bounded(void)
{
	char text[6000];
	struct peer_frame frame;

	memset(text, 'x', sizeof(text));
	begin();
	request(1, "Fail", "no such thing");
	peer_put_request(&peer, 3, 0, "test.Echo", "Fail", text, sizeof(text));
	peer_pump(&peer);
	expect_text(1, TTRPC_NOT_FOUND, "no such thing");
	test_true(peer_next(&peer, &frame));
	test_true(frame.head.len > 2000 && frame.head.len < 2100);
	expect_alive(5);
	end();
}

static void unknown_types_are_ignored(void)
{
	begin();
	peer_put_frame(&peer, 1, 0, 0, "x", 1);
	peer_put_frame(&peer, 1, 4, 0xff, "x", 1);
	peer_put_frame(&peer, 1, 255, 0, NULL, 5000);
	peer_put_frame(&peer, 1, TTRPC_FRAME_RESPONSE, 0, NULL, 0);
	expect_alive(1);
	end();
}

static void unary_calls_take_no_data(void)
{
	begin();
	peer_put_request(&peer, 1, TTRPC_FLAG_REMOTE_OPEN, "test.Echo", "Keep", "", 0);
	peer_put_frame(&peer, 1, TTRPC_FRAME_DATA, 0, "x", 1);
	peer_pump(&peer);
	peer_expect_response(&peer, 1, TTRPC_INVALID_ARGUMENT, NULL, 0);
	test_int(service_n_cancelled, 1);
	expect_alive(3);
	end();
}

static void disconnect_cancels_each_call_once(void)
{
	begin();
	service_reply_when_cancelled = true;
	for (uint32_t i = 0; i < 10; i++)
		request(2 * i + 1, "Keep", "");
	peer_pump(&peer);
	ttrpc_call_reply(service_kept[4], "", 0);
	test_int(service_n_kept, 10);
	test_int(n_closed, 0);
	peer_close(&peer);
	loop_settle(&loop);
	test_int(service_n_cancelled, 9);
	test_int(n_closed, 1);
	test_int(n_left, 0);
	end();
	test_int(service_n_cancelled, 9);
}

static void disconnect_within_a_frame_is_an_end(void)
{
	begin();
	request(1, "Keep", "");
	peer_put_frame(&peer, 3, TTRPC_FRAME_REQUEST, 0, NULL, 100000);
	peer.out_len -= 50000;
	peer_pump(&peer);
	test_int(service_n_kept, 1);
	peer_close(&peer);
	loop_settle(&loop);
	test_int(service_n_cancelled, 1);
	test_int(n_closed, 1);
	end();
}

static void answer_after_the_client_went_is_dropped(void)
{
	begin();
	request(1, "Keep", "");
	request(3, "Keep", "");
	peer_pump(&peer);
	peer_close(&peer);
	/* Not noticed yet; the write finds out, and the other call hears of it. */
	ttrpc_call_reply(service_kept[0], "late", 4);
	test_int(service_n_cancelled, 0);
	loop_settle(&loop);
	test_int(service_n_cancelled, 1);
	test_int(n_closed, 1);
	end();
}

static void server_may_be_freed_by_a_handler(void)
{
	begin();
	request(1, "Keep", "");
	request(3, "Free", "");
	request(5, "Echo", "");
	peer_pump(&peer);
	test_true(!service_server);
	test_true(peer.eof);
	test_int(service_n_cancelled, 2);
	test_int(n_closed, 0);
	peer_expect_nothing(&peer);
	end();
}

static void server_may_be_freed_by_a_cancelled_call(void)
{
	begin();
	request(1, "Keep", "");
	request(3, "Keep", "");
	peer_pump(&peer);
	service_free_when_cancelled = true;
	peer_close(&peer);
	loop_settle(&loop);
	test_true(!service_server);
	test_int(service_n_cancelled, 2);
	test_int(n_closed, 0);
	end();
}

static void free_cancels_calls(void)
{
	begin();
	request(1, "Keep", "");
	peer_pump(&peer);
	end();
	test_int(service_n_cancelled, 1);
	ttrpc_server_free(NULL);
}

int main(void)
{
	test_run(frames_of_any_split_are_served);
	test_run(answers_to_one_read_are_one_write);
	test_run(answers_of_any_size_keep_their_order);
	test_run(answers_do_not_wait_for_ever);
	test_run(frames_of_any_size_are_served);
	test_run(largest_frame_is_served);
	test_run(oversized_frame_is_dropped_and_answered);
	test_run(oversized_answer_becomes_an_error);
	test_run(answers_come_in_any_order);
	test_run(frame_of_zeros_is_a_ping);
	test_run(bad_streams_are_refused);
	test_run(unparsable_request_is_refused);
	test_run(unknown_names_are_told);
	test_run(texts_of_errors_are_bounded);
	test_run(unknown_types_are_ignored);
	test_run(unary_calls_take_no_data);
	test_run(disconnect_cancels_each_call_once);
	test_run(disconnect_within_a_frame_is_an_end);
	test_run(answer_after_the_client_went_is_dropped);
	test_run(server_may_be_freed_by_a_handler);
	test_run(server_may_be_freed_by_a_cancelled_call);
	test_run(free_cancels_calls);
	return 0;
}
