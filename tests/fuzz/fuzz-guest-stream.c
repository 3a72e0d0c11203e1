/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "guest/task/stream.h"
#include "ttrpc/test-peer.h"

/*
 * Greetings of streams. The input is a list of steps: a byte that says which connection and what,
 * then what it sends.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONNS 16

static struct loop loop;
static struct stream_table table;
static int conns[CONNS];

static void dial(int which)
{
	int pair[2];

	fd_close(conns[which]);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	stream_add(&table, pair[1]);
	conns[which] = pair[0];
}

static void hang_up(int which)
{
	conns[which] = fd_close(conns[which]);
}

/* The id is up to the end of the input. */
static void take(const uint8_t *data, size_t len)
{
	char id[ABI_STREAM_ID_MAX + 2];
	int fd;

	len = MIN(len, sizeof(id) - 1);
	memcpy(id, data, len);
	id[len] = '\0';
	fd = stream_take(&table, id);
	/* Once. */
	if (fd >= 0)
		test_int(stream_take(&table, id), -ENOENT);
	fd_close(fd);
}

static void expire(void)
{
	for (size_t i = 0; i < table.n_seen; i++)
		if (table.slots[i].state == STREAM_GREETING)
			loop_timer_start(&loop, &table.slots[i].deadline, clock_now(),
					 table.slots[i].deadline.callback);
}

/* Nobody is told more than once, and then it is the id or an error, whole. */
static void check_answer(int fd)
{
	uint8_t answer[4 + ABI_STREAM_ID_MAX + 1];
	ssize_t n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);

	if (n <= 0)
		return;
	test_true(n > 4 && answer[0] == 0 && answer[1] == 0);
	test_int(answer[2] << 8 | answer[3], n - 4);
}

static void check_table(void)
{
	for (size_t i = 0; i < table.n_seen; i++)
		for (size_t j = 0; j < i; j++)
			if (table.slots[i].state == STREAM_WAITING &&
			    table.slots[j].state == STREAM_WAITING)
				test_true(memcmp(table.slots[i].greeting, table.slots[j].greeting,
						 MIN(table.slots[i].got, table.slots[j].got)) != 0);
}

static size_t step(const uint8_t *data, size_t size)
{
	int which = data[0] % CONNS;
	size_t len = size > 1 ? MIN((size_t)data[1], size - 2) : 0;

	switch (data[0] / CONNS % 6) {
	case 0:
		dial(which);
		return 1;
	case 1:
		hang_up(which);
		return 1;
	case 2:
		expire();
		return 1;
	case 3:
		take(data + 2, len);
		break;
	default:
		if (conns[which] >= 0 && len > 0)
			(void)send(conns[which], data + 2, len, MSG_NOSIGNAL);
	}
	return MIN(2 + len, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	test_int(loop_init(&loop), 0);
	stream_init(&table, &loop);
	for (int i = 0; i < CONNS; i++)
		conns[i] = -EBADF;
	while (size > 0) {
		size_t n = step(data, size);

		data += n;
		size -= n;
		loop_settle(&loop);
		check_table();
	}
	for (int i = 0; i < CONNS; i++) {
		if (conns[i] >= 0)
			check_answer(conns[i]);
		hang_up(i);
	}
	loop_settle(&loop);
	for (size_t i = 0; i < table.n_seen; i++)
		test_int(table.slots[i].state, STREAM_FREE);
	test_true(list_empty(&loop.timers));
	stream_deinit(&table);
	loop_deinit(&loop);
	return 0;
}
