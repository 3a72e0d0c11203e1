/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/test.h"
#include "ttrpc/conn.h"
#include "ttrpc/test-peer.h"
#include "ttrpc/test-service.h"

/*
 * What a server does when something runs out: calls, connections, memory, descriptors, or the
 * patience of those who should read its answers. Linked with --wrap for malloc() and calloc().
 */

static struct loop loop;
static struct peer peer;

static size_t fail_above = SIZE_MAX;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t size)
{
	return size > fail_above ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return n * size > fail_above ? NULL : __real_calloc(n, size);
}

static void begin(size_t max_conns)
{
	fail_above = SIZE_MAX;
	test_int(loop_init(&loop), 0);
	service_start(&loop, max_conns);
	test_int(ttrpc_server_add(service_server, peer_init(&peer, &loop)), 0);
}

static void end(void)
{
	fail_above = SIZE_MAX;
	ttrpc_server_free(service_server);
	peer_done(&peer);
	loop_deinit(&loop);
}

static void request(uint32_t stream, const char *method, const char *payload)
{
	peer_put_request(&peer, stream, 0, "test.Echo", method, payload, strlen(payload));
}

static void expect_alive(uint32_t stream)
{
	request(stream, "Echo", "alive");
	peer_pump(&peer);
	peer_expect_response(&peer, stream, 0, "alive", 5);
	peer_expect_nothing(&peer);
}

static void calls_have_a_quota(void)
{
	uint32_t stream = 1;

	begin(8);
	for (int i = 0; i < TTRPC_CONN_CALLS_MAX; i++, stream += 2)
		request(stream, "Keep", "");
	request(stream, "Keep", "");
	request(stream + 2, "Echo", "");
	peer_pump(&peer);
	test_int(service_n_kept, TTRPC_CONN_CALLS_MAX);
	peer_expect_response(&peer, stream, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
	peer_expect_response(&peer, stream + 2, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
	ttrpc_call_reply(service_kept[7], "x", 1);
	peer_pump(&peer);
	peer_expect_response(&peer, 15, 0, "x", 1);
	expect_alive(stream + 4);
	end();
	test_int(service_n_cancelled, TTRPC_CONN_CALLS_MAX - 1);
}

static void connections_have_a_quota(void)
{
	struct peer other;
	int fd;

	begin(1);
	fd = peer_init(&other, &loop);
	test_int(ttrpc_server_add(service_server, fd), -EBUSY);
	expect_alive(1);
	peer_close(&peer);
	loop_settle(&loop);
	test_int(ttrpc_server_add(service_server, fd), 0);
	peer_done(&other);
	end();
}

static int n_idle;

static void count_idle(void *userdata)
{
	n_idle += ttrpc_server_idle(userdata);
}

/* Nothing else may happen by which one learns that it has. */
static void a_slow_client_has_read_all(void)
{
	static const size_t len = 2 << 20;
	char *payload = calloc(1, len);

	test_true(payload);
	begin(8);
	ttrpc_server_on_flushed(service_server, count_idle, service_server);
	peer.deaf = true;
	request(1, "Keep", "");
	peer_pump(&peer);
	ttrpc_call_reply(service_kept[0], payload, len);
	loop_settle(&loop);
	test_true(!ttrpc_server_idle(service_server));
	test_int(n_idle, 0);
	peer.deaf = false;
	peer_pump(&peer);
	test_int(n_idle, 1);
	peer_expect_response(&peer, 1, 0, payload, len);
	free(payload);
	end();
}

/* A client that sends and never reads: at some point the server stops to read from it as well. */
static void deaf_client_is_not_read_from(void)
{
	static const size_t len = 60000, total = 200;
	char *payload = calloc(1, len);
	size_t answered = 0;
	struct peer_frame frame;

	test_true(payload);
	begin(8);
	peer.deaf = true;
	for (uint32_t i = 0; i < total; i++)
		peer_put_request(&peer, 2 * i + 1, 0, "test.Echo", "Echo", payload, len);
	peer_pump(&peer);
	test_true(peer.out_len > total / 2 * len);
	test_true(!ttrpc_server_idle(service_server));
	/* Once it reads, all is answered. */
	peer.deaf = false;
	peer_pump(&peer);
	while (peer_next(&peer, &frame))
		answered++;
	test_int(answered, total);
	test_true(ttrpc_server_idle(service_server));
	free(payload);
	end();
}

/* The same with frames that fit the input buffer many at a time. */
static void small_requests_in_the_buffer_are_not_forgotten(void)
{
	static const uint32_t total = 20000;
	uint32_t answered = 0;
	struct peer_frame frame;

	begin(8);
	peer.deaf = true;
	for (uint32_t i = 0; i < total; i++)
		peer_put_frame(&peer, 2 * i + 2, TTRPC_FRAME_REQUEST, 0, NULL, 0);
	peer_pump(&peer);
	test_true(!ttrpc_server_idle(service_server));
	peer.deaf = false;
	peer_pump(&peer);
	while (peer_next(&peer, &frame))
		test_int(frame.head.stream_id, 2 * answered++ + 2);
	test_int(answered, total);
	end();
}

/* What is answered can be more than may wait; none but its writing lets the rest go on. */
static void large_answers_to_small_requests(void)
{
	static const uint32_t total = 40;
	struct peer_frame frame;

	begin(8);
	for (uint32_t i = 0; i < total; i++)
		request(2 * i + 1, "Size", "10000");
	test_true(peer.out_len < TTRPC_CONN_INPUT);
	test_true(total * 10000 > 2 * TTRPC_CONN_QUEUE_PAUSE);
	peer_pump(&peer);
	for (uint32_t i = 0; i < total; i++) {
		test_true(peer_next(&peer, &frame));
		test_int(frame.head.stream_id, 2 * i + 1);
	}
	peer_expect_nothing(&peer);
	test_true(ttrpc_server_idle(service_server));
	end();
}

static int n_writable;

static void writable(struct ttrpc_call *call)
{
	n_writable++;
	(void)call;
}

static void streams_push_back(void)
{
	static const size_t len = 100000;
	char *payload = calloc(1, len);
	size_t n = 0, got = 0;
	struct peer_frame frame;

	test_true(payload);
	begin(8);
	peer.deaf = true;
	peer_put_request(&peer, 1, TTRPC_FLAG_REMOTE_OPEN, "test.Echo", "Open", "", 0);
	peer_pump(&peer);
	service_kept[0]->writable = writable;
	while (ttrpc_call_send(service_kept[0], payload, len) == 0)
		n++;
	test_int(ttrpc_call_send(service_kept[0], payload, len), -ENOBUFS);
	/* What the socket takes, and one more. */
	test_true(n > 0 && n * len < 2 << 20);
	test_int(n_writable, 0);
	peer.deaf = false;
	peer_pump(&peer);
	test_int(n_writable, 1);
	test_int(ttrpc_call_send(service_kept[0], payload, len), 0);
	test_int(ttrpc_call_send(service_kept[0], payload, SIZE_MAX), -EMSGSIZE);
	ttrpc_call_end(service_kept[0]);
	while (peer_next(&peer, &frame))
		got++;
	test_int(got, n);
	peer_pump(&peer);
	peer_expect_data(&peer, 1, 0, payload, len);
	peer_expect_data(&peer, 1, 5, NULL, 0);
	free(payload);
	end();
}

static void late_answers_have_a_quota(void)
{
	static const size_t len = 2 << 20;
	char *payload = calloc(1, len);

	test_true(payload);
	begin(8);
	peer.deaf = true;
	for (uint32_t i = 0; i < 5; i++)
		request(2 * i + 1, "Keep", "");
	peer_pump(&peer);
	for (int i = 0; i < 5; i++)
		ttrpc_call_reply(service_kept[i], payload, len);
	peer.deaf = false;
	peer_pump(&peer);
	peer_expect_response(&peer, 1, 0, payload, len);
	peer_expect_response(&peer, 3, 0, payload, len);
	peer_expect_response(&peer, 5, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
	peer_expect_response(&peer, 7, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
	peer_expect_response(&peer, 9, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
	free(payload);
	expect_alive(11);
	end();
}

static void no_memory_for_a_call_is_answered(void)
{
	begin(8);
	request(1, "Echo", "");
	peer.chunk = 1;
	fail_above = 0;
	peer_pump(&peer);
	peer_expect_response(&peer, 1, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
	fail_above = SIZE_MAX;
	expect_alive(3);
	end();
}

static void no_memory_for_a_frame_is_answered(void)
{
	begin(8);
	peer_put_frame(&peer, 1, TTRPC_FRAME_REQUEST, 0, NULL, 100000);
	peer_put_frame(&peer, 3, TTRPC_FRAME_REQUEST, 0, NULL, 4096);
	fail_above = 3000;
	peer_pump(&peer);
	peer_expect_response(&peer, 1, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
	peer_expect_response(&peer, 3, TTRPC_RESOURCE_EXHAUSTED, NULL, 0);
	fail_above = SIZE_MAX;
	expect_alive(5);
	end();
}

/* Part of the answer is written, the rest finds no memory: what follows would be garbled. */
static void no_memory_for_half_an_answer_ends_the_connection(void)
{
	static const size_t len = 2 << 20;
	char *payload = calloc(1, len);

	test_true(payload);
	begin(8);
	peer.deaf = true;
	request(1, "Keep", "");
	request(3, "Keep", "");
	peer_pump(&peer);
	fail_above = 0;
	ttrpc_call_reply(service_kept[0], payload, len);
	test_int(service_n_cancelled, 0);
	loop_settle(&loop);
	test_int(service_n_cancelled, 1);
	fail_above = SIZE_MAX;
	test_int(ttrpc_server_add(service_server, -1), -EBADF);
	free(payload);
	end();
}

static void no_memory_for_half_a_message_ends_the_connection(void)
{
	static const size_t len = 2 << 20;
	char *payload = calloc(1, len);

	test_true(payload);
	begin(8);
	peer.deaf = true;
	peer_put_request(&peer, 1, TTRPC_FLAG_REMOTE_OPEN, "test.Echo", "Open", "", 0);
	peer_pump(&peer);
	fail_above = 0;
	test_int(ttrpc_call_send(service_kept[0], payload, len), -ENOMEM);
	test_int(ttrpc_call_send(service_kept[0], "x", 1), 0);
	loop_settle(&loop);
	test_int(service_n_cancelled, 1);
	free(payload);
	end();
}

static struct sockaddr_un address;
static socklen_t address_len;

static void listen_on(bool same_user)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* An abstract name that the kernel chooses. */
	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	test_int(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	address_len = sizeof(address);
	test_int(getsockname(fd, (struct sockaddr *)&address, &address_len), 0);
	test_int(listen(fd, 8), 0);
	test_int(ttrpc_server_listen(service_server, fd, same_user), 0);
}

static void dial(struct peer *p)
{
	fd_close(peer_init(p, &loop));
	peer_close(p);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	test_int(connect(p->fd, (struct sockaddr *)&address, address_len), 0);
}

static void listening_socket_is_served(void)
{
	struct peer others[3];

	begin(3);
	listen_on(true);
	for (int i = 0; i < 3; i++) {
		dial(&others[i]);
		peer_put_request(&others[i], 1, 0, "test.Echo", "Echo", "hi", 2);
		peer_pump(&others[i]);
		/* One beyond the quota of three. */
		if (i == 2)
			test_true(others[i].eof);
		else
			peer_expect_response(&others[i], 1, 0, "hi", 2);
	}
	for (int i = 0; i < 3; i++)
		peer_done(&others[i]);
	expect_alive(1);
	end();
}

static void other_users_are_refused(void)
{
	struct peer other;

	begin(8);
	listen_on(true);
	if (seteuid(65534) == 0) {
		dial(&other);
		test_int(seteuid(0), 0);
		peer_pump(&other);
		test_true(other.eof);
		peer_done(&other);
	}
	end();
}

/* Use all descriptors up. Return: how many were opened. */
static size_t fill_descriptors(int *fds, size_t max)
{
	size_t n = 0;

	while (n < max && (fds[n] = dup(0)) >= 0)
		n++;
	test_int(errno, EMFILE);
	return n;
}

/* Not served, but not left pending either: that would keep the loop busy. */
static void no_descriptors_is_survived(void)
{
	struct rlimit old, small;
	struct peer other;
	int fds[64];
	size_t n;

	begin(8);
	listen_on(true);
	dial(&other);
	test_int(getrlimit(RLIMIT_NOFILE, &old), 0);
	small = old;
	small.rlim_cur = ARRAY_SIZE(fds);
	test_int(setrlimit(RLIMIT_NOFILE, &small), 0);
	n = fill_descriptors(fds, ARRAY_SIZE(fds));
	peer_pump(&other);
	test_true(other.eof);
	while (n > 0)
		fd_close(fds[--n]);
	test_int(setrlimit(RLIMIT_NOFILE, &old), 0);
	peer_done(&other);
	dial(&other);
	peer_put_request(&other, 1, 0, "test.Echo", "Echo", "hi", 2);
	peer_pump(&other);
	peer_expect_response(&other, 1, 0, "hi", 2);
	peer_done(&other);
	end();
}

static uint32_t lottery;

static uint8_t draw(void)
{
	lottery = lottery * 1664525u + 1013904223u;
	return (uint8_t)(lottery >> 24);
}

/* Bytes that mostly look like small frames, with anything in them. */
static void put_garbage(size_t frames)
{
	uint8_t bytes[64];

	for (size_t i = 0; i < frames; i++) {
		for (size_t b = 0; b < sizeof(bytes); b++)
			bytes[b] = draw();
		if (draw() < 250)
			memcpy(bytes, "\0\0\0", 3);
		bytes[3] &= 0x3f;
		bytes[8] &= 3;
		peer_put(&peer, bytes, draw() % sizeof(bytes));
	}
}

static void garbage_is_survived(void)
{
	struct peer other;

	for (lottery = 1; lottery < 60;) {
		uint32_t seed = lottery + 1;

		begin(8);
		test_int(ttrpc_server_add(service_server, peer_init(&other, &loop)), 0);
		peer.chunk = 17;
		put_garbage(100);
		peer_pump(&peer);
		peer_put_request(&other, 1, 0, "test.Echo", "Echo", "alive", 5);
		peer_pump(&other);
		peer_expect_response(&other, 1, 0, "alive", 5);
		peer_done(&other);
		end();
		lottery = seed;
	}
}

int main(void)
{
	test_run(calls_have_a_quota);
	test_run(connections_have_a_quota);
	test_run(a_slow_client_has_read_all);
	test_run(deaf_client_is_not_read_from);
	test_run(small_requests_in_the_buffer_are_not_forgotten);
	test_run(large_answers_to_small_requests);
	test_run(streams_push_back);
	test_run(late_answers_have_a_quota);
	test_run(no_memory_for_a_call_is_answered);
	test_run(no_memory_for_a_frame_is_answered);
	test_run(no_memory_for_half_an_answer_ends_the_connection);
	test_run(no_memory_for_half_a_message_ends_the_connection);
	test_run(listening_socket_is_served);
	test_run(other_users_are_refused);
	test_run(no_descriptors_is_survived);
	test_run(garbage_is_survived);
	return 0;
}
