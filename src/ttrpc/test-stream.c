/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "ttrpc/test-peer.h"
#include "ttrpc/test-service.h"

/* Streaming calls, seen by a server. The flags are those of Go's client. */

#define OPEN   TTRPC_FLAG_REMOTE_OPEN
#define CLOSED TTRPC_FLAG_REMOTE_CLOSED
#define NONE   TTRPC_FLAG_NO_DATA

static struct loop loop;
static struct peer peer;

static void begin(void)
{
	test_int(loop_init(&loop), 0);
	service_start(&loop, 8);
	test_int(ttrpc_server_add(service_server, peer_init(&peer, &loop)), 0);
}

static void end(void)
{
	ttrpc_server_free(service_server);
	peer_done(&peer);
	loop_deinit(&loop);
}

static void request(uint32_t stream, uint8_t flags, const char *method, const char *payload)
{
	peer_put_request(&peer, stream, flags, "test.Echo", method, payload, strlen(payload));
}

static void data(uint32_t stream, uint8_t flags, const char *text)
{
	peer_put_frame(&peer, stream, TTRPC_FRAME_DATA, flags, text, strlen(text));
}

static void server_streams(void)
{
	begin();
	peer.chunk = 1;
	request(1, CLOSED, "Count", "abc");
	peer_pump(&peer);
	peer_expect_data(&peer, 1, 0, "a", 1);
	peer_expect_data(&peer, 1, 0, "b", 1);
	peer_expect_data(&peer, 1, 0, "c", 1);
	peer_expect_data(&peer, 1, CLOSED | NONE, NULL, 0);
	peer_expect_nothing(&peer);
	end();
}

static void empty_request_is_a_message_too(void)
{
	begin();
	request(1, CLOSED, "Count", "");
	peer_pump(&peer);
	peer_expect_data(&peer, 1, CLOSED | NONE, NULL, 0);
	peer_expect_nothing(&peer);
	end();
}

static void server_stream_fails_with_a_response(void)
{
	begin();
	request(1, CLOSED, "Count", "F");
	request(3, CLOSED, "Count", "R");
	peer_pump(&peer);
	peer_expect_data(&peer, 1, 0, "F", 1);
	peer_expect_response(&peer, 1, TTRPC_ABORTED, NULL, 0);
	peer_expect_data(&peer, 3, 0, "R", 1);
	peer_expect_response(&peer, 3, 0, "last", 4);
	peer_expect_nothing(&peer);
	end();
}

static void both_sides_stream(void)
{
	begin();
	peer.chunk = 3;
	request(1, OPEN, "Chat", "");
	data(1, 0, "one");
	data(1, 0, "");
	request(3, OPEN, "Chat", "in the request");
	data(3, NONE, "");
	data(1, 0, "two");
	data(3, CLOSED | NONE, "");
	data(1, CLOSED | NONE, "");
	peer_pump(&peer);
	peer_expect_data(&peer, 1, 0, "one", 3);
	peer_expect_data(&peer, 1, 0, "", 0);
	peer_expect_data(&peer, 3, 0, "in the request", 14);
	peer_expect_data(&peer, 1, 0, "two", 3);
	peer_expect_data(&peer, 3, CLOSED | NONE, NULL, 0);
	peer_expect_data(&peer, 1, CLOSED | NONE, NULL, 0);
	peer_expect_nothing(&peer);
	test_int(service_n_cancelled, 0);
	end();
}

/* A client that does not stream to a method that could: its one message and its end are told. */
static void client_need_not_stream(void)
{
	begin();
	request(1, CLOSED, "Chat", "once");
	request(3, 0, "Chat", "");
	peer_pump(&peer);
	peer_expect_data(&peer, 1, 0, "once", 4);
	peer_expect_data(&peer, 1, CLOSED | NONE, NULL, 0);
	peer_expect_data(&peer, 3, 0, "", 0);
	peer_expect_data(&peer, 3, CLOSED | NONE, NULL, 0);
	peer_expect_nothing(&peer);
	end();
}

static void data_after_the_end_is_refused(void)
{
	begin();
	request(1, OPEN, "Open", "");
	data(1, CLOSED | NONE, "");
	data(1, CLOSED | NONE, "");
	peer_pump(&peer);
	peer_expect_nothing(&peer);
	test_int(service_n_ends, 1);
	data(1, 0, "late");
	data(1, 0, "later");
	peer_pump(&peer);
	peer_expect_response(&peer, 1, TTRPC_INVALID_ARGUMENT, NULL, 0);
	peer_expect_response(&peer, 1, TTRPC_INVALID_ARGUMENT, NULL, 0);
	test_int(service_n_cancelled, 1);
	end();
}

static void end_with_data_is_delivered_and_refused(void)
{
	begin();
	request(1, OPEN, "Open", "");
	data(1, CLOSED, "both");
	/* One that ends the call by itself gets no second answer. */
	request(3, OPEN, "Chat", "");
	data(3, CLOSED, "both");
	peer_pump(&peer);
	peer_expect_response(&peer, 1, TTRPC_INVALID_ARGUMENT, NULL, 0);
	peer_expect_data(&peer, 3, 0, "both", 4);
	peer_expect_data(&peer, 3, CLOSED | NONE, NULL, 0);
	peer_expect_nothing(&peer);
	test_int(service_n_cancelled, 1);
	end();
}

static void failed_stream_is_gone(void)
{
	begin();
	request(1, OPEN, "Chat", "");
	data(1, 0, "fail");
	data(1, 0, "more");
	request(3, OPEN, "Chat", "fail");
	data(3, CLOSED, "more");
	peer_pump(&peer);
	peer_expect_response(&peer, 1, TTRPC_ABORTED, NULL, 0);
	peer_expect_response(&peer, 1, TTRPC_INVALID_ARGUMENT, NULL, 0);
	peer_expect_response(&peer, 3, TTRPC_ABORTED, NULL, 0);
	peer_expect_response(&peer, 3, TTRPC_INVALID_ARGUMENT, NULL, 0);
	peer_expect_nothing(&peer);
	end();
}

static void disconnect_cancels_streams(void)
{
	begin();
	request(1, OPEN, "Chat", "hello");
	request(3, OPEN, "Open", "");
	peer_pump(&peer);
	peer_close(&peer);
	loop_settle(&loop);
	test_int(service_n_cancelled, 2);
	end();
}

int main(void)
{
	test_run(server_streams);
	test_run(empty_request_is_a_message_too);
	test_run(server_stream_fails_with_a_response);
	test_run(both_sides_stream);
	test_run(client_need_not_stream);
	test_run(data_after_the_end_is_refused);
	test_run(end_with_data_is_delivered_and_refused);
	test_run(failed_stream_is_gone);
	test_run(disconnect_cancels_streams);
	return 0;
}
