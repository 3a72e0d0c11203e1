/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"

static struct loop loop;
static struct stream_table table;

/* Runs what is ready now: a deferred callback comes after all descriptors of its turn. */
static void turn_over(struct loop_defer *defer)
{
	(void)defer;
	loop_quit(&loop, 0);
}

static void turn(void)
{
	struct loop_defer defer = LOOP_DEFER_NULL(defer);

	loop_defer_start(&loop, &defer, turn_over);
	test_int(loop_run(&loop), 0);
}

static int connect_one(void)
{
	int pair[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	stream_add(&table, pair[1]);
	return pair[0];
}

static void greet(int fd, uint32_t len, const char *id)
{
	uint8_t header[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
			     (uint8_t)len};

	test_int(send(fd, header, 4, MSG_NOSIGNAL), 4);
	if (strlen(id) > 0)
		test_int(send(fd, id, strlen(id), MSG_NOSIGNAL), (long long)strlen(id));
	turn();
}

/* What came back: "" for nothing yet, "EOF", or the text after the length. */
static const char *answer(int fd)
{
	static char text[4 + ABI_STREAM_ID_MAX + 1];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n < 0)
		return "";
	if (n == 0)
		return "EOF";
	test_true(n >= 4);
	test_int((unsigned char)text[2] * 256 + (unsigned char)text[3], n - 4);
	text[n] = '\0';
	return text + 4;
}

static void a_stream_is_taken_once(void)
{
	int fd = connect_one(), taken;
	char c = 0;

	greet(fd, 3, "abc");
	test_str(answer(fd), "abc");
	test_int(stream_take(&table, "ab"), -ENOENT);
	test_int(stream_take(&table, "abcd"), -ENOENT);
	taken = stream_take(&table, "abc");
	test_true(taken >= 0);
	test_int(stream_take(&table, "abc"), -ENOENT);
	/* What was sent behind the id is not lost, nor an end of file. */
	test_int(send(fd, "x", 1, 0), 1);
	test_int(shutdown(fd, SHUT_WR), 0);
	turn();
	test_int(read(taken, &c, 1), 1);
	test_int(c, 'x');
	test_int(read(taken, &c, 1), 0);
	fd_close(taken);
	fd_close(fd);
}

static void greetings_come_in_pieces(void)
{
	static const char bytes[] = {0, 0, 0, 4, 'p', 'i', 'e', 'c', '!', '!'};
	int fd = connect_one(), other = connect_one(), taken;
	char rest[8];

	for (size_t i = 0; i < 8; i++) {
		test_str(answer(fd), "");
		test_int(send(fd, bytes + i, i == 7 ? 3 : 1, 0), i == 7 ? 3 : 1);
		turn();
	}
	/* One that is slow does not stop another. */
	greet(other, 1, "o");
	test_str(answer(other), "o");
	test_str(answer(fd), "piec");
	taken = stream_take(&table, "piec");
	test_int(read(taken, rest, sizeof(rest)), 2);
	test_mem(rest, "!!", 2);
	fd_close(taken);
	fd_close(fd);
	fd_close(other);
	turn();
	test_int(stream_take(&table, "o"), -ENOENT);
}

static void bad_greetings_are_answered(void)
{
	static const struct {
		uint32_t len;
		const char *id, *want;
	} bad[] = {
		{0, "", "stream id is empty or too long"},
		{ABI_STREAM_ID_MAX + 1, "", "stream id is empty or too long"},
		{UINT32_MAX, "", "stream id is empty or too long"},
		{1, "a", "stream id is in use"},
	};
	int first = connect_one();

	greet(first, 1, "a");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = connect_one();

		greet(fd, bad[i].len, bad[i].id);
		test_str(answer(fd), bad[i].want);
		test_str(answer(fd), "EOF");
		fd_close(fd);
	}
	test_str(answer(first), "a");
	fd_close(first);
	turn();
}

static void nul_in_an_id(void)
{
	int fd = connect_one();

	test_int(send(fd, "\0\0\0\3a\0b", 7, 0), 7);
	turn();
	test_str(answer(fd), "stream id is not valid");
	fd_close(fd);
}

static void longest_id(void)
{
	char id[ABI_STREAM_ID_MAX + 1];
	int fd = connect_one();

	memset(id, 'l', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	greet(fd, ABI_STREAM_ID_MAX, id);
	test_str(answer(fd), id);
	fd_close(stream_take(&table, id));
	fd_close(fd);
}

static void late_ones_are_refused(void)
{
	int fd = connect_one();

	for (size_t i = 0; i < table.n_seen; i++)
		if (table.slots[i].state == STREAM_GREETING)
			loop_timer_start(&loop, &table.slots[i].deadline, clock_now(),
					 table.slots[i].deadline.callback);
	turn();
	test_str(answer(fd), "stream id did not come in time");
	test_str(answer(fd), "EOF");
	fd_close(fd);
}

static void the_table_has_an_end(void)
{
	int fds[STREAM_MAX + 1];
	char id[16];

	for (size_t i = 0; i <= STREAM_MAX; i++)
		fds[i] = connect_one();
	test_str(answer(fds[STREAM_MAX]), "too many streams");
	for (int i = 0; i < STREAM_MAX; i++) {
		(void)snprintf(id, sizeof(id), "%d", i);
		greet(fds[i], (uint32_t)strlen(id), id);
		test_str(answer(fds[i]), id);
	}
	for (int i = 0; i <= STREAM_MAX; i++)
		fd_close(fds[i]);
	for (int i = 0; i <= STREAM_MAX / LOOP_BATCH; i++)
		turn();
	for (size_t i = 0; i < STREAM_MAX; i++)
		test_int(table.slots[i].state, STREAM_FREE);
}

/* At a port of the kernel's choice. */
static int listener(int family, uint16_t *ret_port)
{
	struct sockaddr_in6 at = {.sin6_family = (sa_family_t)family};
	socklen_t len = sizeof(at);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (family == AF_INET)
		((struct sockaddr_in *)&at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		at.sin6_addr = in6addr_loopback;
	test_int(bind(fd, (struct sockaddr *)&at, len), 0);
	test_int(listen(fd, 2 * ABI_STREAM_TCPS), 0);
	test_int(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*ret_port = ntohs(at.sin6_port);
	return fd;
}

/* Return: what comes back to the id of a port */
static const char *ask_for_port(int fd, const char *prefix, uint16_t port)
{
	char id[16];

	(void)snprintf(id, sizeof(id), "%s%u", prefix, port);
	greet(fd, (uint32_t)strlen(id), id);
	turn();
	return answer(fd);
}

static void a_port_is_passed_on(void)
{
	static const struct {
		int family;
		const char *prefix;
	} all[] = {{AF_INET, ABI_STREAM_TCP4}, {AF_INET6, ABI_STREAM_TCP6}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint16_t port;
		int at = listener(all[i].family, &port), fd = connect_one(), other;
		char want[16], c = 0;

		(void)snprintf(want, sizeof(want), "%s%u", all[i].prefix, port);
		test_str(ask_for_port(fd, all[i].prefix, port), want);
		test_int(stream_take(&table, want), -ENOENT);
		other = accept4(at, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		test_true(other >= 0);
		test_int(send(fd, "a", 1, 0), 1);
		test_int(shutdown(fd, SHUT_WR), 0);
		for (int j = 0; j < 4; j++)
			turn();
		test_int(read(other, &c, 1), 1);
		test_int(c, 'a');
		test_int(read(other, &c, 1), 0);
		test_int(send(other, "b", 1, 0), 1);
		fd_close(other);
		for (int j = 0; j < 4; j++)
			turn();
		test_int(read(fd, &c, 1), 1);
		test_int(c, 'b');
		test_int(read(fd, &c, 1), 0);
		fd_close(fd);
		fd_close(at);
	}
}

static void a_port_that_refuses(void)
{
	static const char *const bad[] = {"tcp4:", "tcp4:0", "tcp6:65536", "tcp4:+1", "tcp6:1 "};
	int fd = connect_one();
	uint16_t port;

	fd_close(listener(AF_INET, &port));
	test_str(ask_for_port(fd, ABI_STREAM_TCP4, port), strerror(ECONNREFUSED));
	test_str(answer(fd), "EOF");
	fd_close(fd);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fd = connect_one();
		greet(fd, (uint32_t)strlen(bad[i]), bad[i]);
		test_str(answer(fd), strerror(EINVAL));
		test_str(answer(fd), "EOF");
		fd_close(fd);
	}
}

static void ports_have_an_end(void)
{
	int fds[ABI_STREAM_TCPS + 1];
	uint16_t port;
	int at = listener(AF_INET, &port);

	for (size_t i = 0; i <= ABI_STREAM_TCPS; i++) {
		const char *said;

		fds[i] = connect_one();
		said = ask_for_port(fds[i], ABI_STREAM_TCP4, port);
		test_int(strcmp(said, strerror(EBUSY)) == 0, i == ABI_STREAM_TCPS);
	}
	test_str(answer(fds[ABI_STREAM_TCPS]), "EOF");
	test_str(answer(fds[0]), "");
	for (size_t i = 0; i <= ABI_STREAM_TCPS; i++)
		fd_close(fds[i]);
	fd_close(at);
	for (int i = 0; i < 8; i++)
		turn();
}

int main(void)
{
	/* Two descriptors for each stream of a full table. */
	struct rlimit limit;

	test_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	test_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
	test_int(loop_init(&loop), 0);
	stream_init(&table, &loop);
	test_run(a_stream_is_taken_once);
	test_run(greetings_come_in_pieces);
	test_run(bad_greetings_are_answered);
	test_run(nul_in_an_id);
	test_run(longest_id);
	test_run(late_ones_are_refused);
	test_run(the_table_has_an_end);
	test_run(a_port_is_passed_on);
	test_run(a_port_that_refuses);
	test_run(ports_have_an_end);
	stream_deinit(&table);
	loop_deinit(&loop);
	return 0;
}
