/* SPDX-License-Identifier: Apache-2.0 */
/* Slots and ports, and the buffers of connections. */
#include "vsockd/table.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

static struct table table;

static void begin(uint16_t limit)
{
	memset(&table, 0, sizeof(table));
	table.limit = limit;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void slots_run_out(void)
{
	struct conn *conn[3];

	begin(3);
	for (int i = 0; i < 3; i++)
		test_true((conn[i] = table_alloc(&table)));
	test_true(!table_alloc(&table));
	table_free(&table, conn[1]);
	test_true(table_alloc(&table) == conn[1]);
	test_true(!table_alloc(&table));
	test_int(table.n_used, 3);
}

/* Against a plain list, with keys that often collide: few ports, and ports far apart. */
static void finds_what_is_there(void)
{
	static struct {
		struct conn *conn;
		uint32_t host, guest;
	} model[256];
	uint64_t random = 88172645463325252;

	begin(TABLE_SLOTS);
	for (int step = 0; step < 200000; step++) {
		uint64_t r = next_random(&random);
		size_t i = r % 256;
		uint32_t host = (r >> 8) % 5, guest = (uint32_t)((r >> 16) % 200) * 0x01000193u;

		if (model[i].conn) {
			table_remove(&table, model[i].conn);
			table_remove(&table, model[i].conn);
			test_true(!table_find(&table, model[i].host, model[i].guest));
			table_free(&table, model[i].conn);
			model[i].conn = NULL;
		} else if (!table_find(&table, host, guest)) {
			model[i].conn = table_alloc(&table);
			model[i].host = model[i].conn->host_port = host;
			model[i].guest = model[i].conn->guest_port = guest;
			table_insert(&table, model[i].conn);
		}
		i = (r >> 40) % 256;
		if (model[i].conn)
			test_true(table_find(&table, model[i].host, model[i].guest) ==
				  model[i].conn);
	}
}

static void ports_are_not_given_twice(void)
{
	struct conn *conn;

	begin(TABLE_SLOTS);
	test_int(table_new_port(&table, 7), TABLE_PORT_FIRST);
	test_int(table_new_port(&table, 7), TABLE_PORT_FIRST + 1);
	table.last_port = TABLE_PORT_LAST - 1;
	conn = table_alloc(&table);
	conn->host_port = TABLE_PORT_FIRST;
	conn->guest_port = 7;
	table_insert(&table, conn);
	test_int(table_new_port(&table, 7), TABLE_PORT_LAST);
	/*
	 * It begins again, and leaves out the one in use, though only for that port of the guest.
	 */
	test_int(table_new_port(&table, 7), TABLE_PORT_FIRST + 1);
	table.last_port = TABLE_PORT_LAST;
	test_int(table_new_port(&table, 8), TABLE_PORT_FIRST);
}

#define BUF 4096

static void buffer_is_a_ring(void)
{
	static uint8_t block[BUF], have[BUF];
	struct wbuf wbuf;
	uint64_t random = 1;
	uint8_t in = 0, out = 0;
	int fds[2], room = 0;

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	test_int(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	wbuf_init(&wbuf, BUF);
	for (int step = 0; step < 20000; step++) {
		uint32_t n = (uint32_t)(next_random(&random) % 700), skip = n / 3;
		struct iovec iov[2] = {{block, n / 2}, {block + n / 2, n - n / 2}};
		ssize_t got;

		for (uint32_t i = 0; i < n; i++)
			block[i] = (uint8_t)(in + i - skip);
		if (n - skip > BUF - wbuf.len) {
			test_int(wbuf_append(&wbuf, iov, 2, skip), -ENOBUFS);
		} else {
			test_int(wbuf_append(&wbuf, iov, 2, skip), 0);
			in = (uint8_t)(in + n - skip);
		}
		test_true(wbuf_flush(&wbuf, fds[0]) >= 0);
		got = recv(fds[1], have, next_random(&random) % 700 + 1, 0);
		for (ssize_t i = 0; i < got; i++)
			test_int(have[i], out++);
		test_true(wbuf.len > 0 || !wbuf.data);
	}
	wbuf_deinit(&wbuf);
	wbuf_deinit(&wbuf);
	close(fds[1]);
	test_int(wbuf_append(&wbuf, &(struct iovec){block, 1}, 1, 0), 0);
	test_true(wbuf_flush(&wbuf, fds[0]) < 0);
	wbuf_deinit(&wbuf);
	close(fds[0]);
}

int main(void)
{
	test_run(slots_run_out);
	test_run(finds_what_is_there);
	test_run(ports_are_not_given_twice);
	test_run(buffer_is_a_ring);
	return 0;
}
