/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static struct loop loop;
static struct relay relay = RELAY_NULL(relay);
static int ended;

/* The two ends that the relay does not have: the host's socket, and the process' pipe or slave. */
static int host, process;

static void done(struct relay *r, enum relay_end end)
{
	test_true(r == &relay);
	ended = (int)end;
}

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

static void run_to_end(void)
{
	while (ended < 0)
		turn();
}

static int make_stream(void)
{
	int pair[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	host = pair[0];
	return pair[1];
}

static void start(const struct relay_type *type, int in, int out, char *held)
{
	ended = -1;
	test_int(relay_start(&relay, &loop, type, in, out, held, done), 0);
}

static void start_output(void)
{
	int ends[2];

	test_int(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	process = ends[1];
	start(&relay_pipe_to_socket, ends[0], make_stream(), NULL);
}

static void start_input(void)
{
	int ends[2];

	test_int(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	process = ends[0];
	start(&relay_socket_to_pipe, make_stream(), ends[1], NULL);
}

static void clean(void)
{
	relay_stop(&relay);
	relay_stop(&relay);
	host = fd_close(host);
	process = fd_close(process);
}

/* Byte @i of a stream that does not repeat soon. */
static char pattern(size_t i)
{
	return (char)((i * 2654435761u) >> 13);
}

static size_t put_pattern(int fd, size_t from, size_t len)
{
	char buf[4000];
	ssize_t n;

	len = MIN(len, sizeof(buf));
	for (size_t i = 0; i < len; i++)
		buf[i] = pattern(from + i);
	n = write(fd, buf, len);
	test_true(n > 0 || errno == EAGAIN);
	return n > 0 ? (size_t)n : 0;
}

/* Return: bytes, 0 at the end of file, -1 when there is nothing now. */
static ssize_t check_pattern(int fd, size_t from)
{
	char buf[7001];
	ssize_t n = read(fd, buf, sizeof(buf));

	test_true(n >= 0 || errno == EAGAIN);
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] != pattern(from + (size_t)i))
			test_fail("byte %zu differs", from + (size_t)i);
	return n;
}

#define PLENTY (3u << 20)

/* Both ends stall now and then; every byte comes out, in order. */
static void transfer(int from, int to)
{
	size_t sent = 0, got = 0, stall = 0;
	ssize_t n = 1;

	while (n != 0) {
		if (sent < PLENTY)
			sent += put_pattern(from, sent, PLENTY - sent);
		else if (from >= 0 && from == process)
			from = process = fd_close(process);
		else if (from >= 0 && shutdown(from, SHUT_WR) == 0)
			from = -EBADF;
		turn();
		if (++stall % 100 < 50)
			continue;
		n = check_pattern(to, got);
		got += n > 0 ? (size_t)n : 0;
	}
	test_int(got, PLENTY);
	run_to_end();
	test_int(ended, RELAY_EOF);
}

static void output_is_complete(void)
{
	start_output();
	transfer(process, host);
	clean();
}

static void input_is_complete(void)
{
	start_input();
	transfer(host, process);
	clean();
}

/* Nobody reads: only what fits the kernel's buffers is taken, and the relay does not spin. */
static void stalls_without_loss(void)
{
	size_t sent = 0, got = 0, n = 1;
	ssize_t r;

	start_output();
	while (n > 0) {
		n = put_pattern(process, sent, 4000);
		sent += n;
		turn();
	}
	test_true(sent < (2u << 20));
	process = fd_close(process);
	test_true(!loop_io_active(&relay.in_io) || relay.in_io.events == EPOLLIN);
	while ((r = check_pattern(host, got)) != 0) {
		got += r > 0 ? (size_t)r : 0;
		turn();
	}
	test_int(got, sent);
	clean();
}

/*
 * The pipe's write end stays open, as with a child in the background: finishing ends it, drained.
 */
static void finish_drains_what_is_there(void)
{
	size_t sent = 0, got = 0;
	ssize_t n;

	start_output();
	while (sent < 60000)
		sent += put_pattern(process, sent, 60000 - sent);
	relay_finish(&relay);
	while ((n = check_pattern(host, got)) != 0) {
		got += n > 0 ? (size_t)n : 0;
		turn();
	}
	test_int(got, sent);
	run_to_end();
	test_int(ended, RELAY_EOF);
	relay_finish(&relay);
	clean();
}

/* ... also when the host reads later than the process ends. */
static void finish_waits_for_a_slow_host(void)
{
	size_t sent = 0, got = 0, n = 1;
	ssize_t r;

	start_output();
	while (n > 0) {
		n = put_pattern(process, sent, 4000);
		sent += n;
		turn();
	}
	relay_finish(&relay);
	for (int i = 0; i < 10; i++)
		turn();
	test_int(ended, -1);
	while ((r = check_pattern(host, got)) != 0) {
		got += r > 0 ? (size_t)r : 0;
		turn();
	}
	test_int(got, sent);
	run_to_end();
	clean();
}

static void half_closed_output_goes_on(void)
{
	start_output();
	test_int(shutdown(host, SHUT_WR), 0);
	turn();
	turn();
	test_int(ended, -1);
	test_int(put_pattern(process, 0, 10), 10);
	turn();
	test_int(check_pattern(host, 0), 10);
	clean();
}

static void host_that_leaves_ends_output(void)
{
	start_output();
	host = fd_close(host);
	run_to_end();
	test_int(ended, RELAY_BROKEN);
	test_int(write(process, "x", 1), -1);
	test_int(errno, EPIPE);
	clean();
}

/* A process that closes its stdin does not stall whoever feeds it. */
static void closed_stdin_discards(void)
{
	size_t sent = 0;

	start_input();
	process = fd_close(process);
	while (sent < PLENTY) {
		sent += put_pattern(host, sent, PLENTY - sent);
		turn();
	}
	test_int(ended, -1);
	test_int(shutdown(host, SHUT_WR), 0);
	run_to_end();
	clean();
}

static void finished_input_is_delivered_first(void)
{
	size_t sent = 0, got = 0;
	ssize_t n;

	start_input();
	while (sent < 100000)
		sent += put_pattern(host, sent, 100000 - sent);
	relay_finish(&relay);
	while ((n = check_pattern(process, got)) != 0) {
		got += n > 0 ? (size_t)n : 0;
		turn();
	}
	test_int(got, sent);
	run_to_end();
	clean();
}

static int open_terminal(int *ret_slave)
{
	struct termios raw;
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), zero = 0;

	test_true(master >= 0);
	test_int(ioctl(master, TIOCSPTLCK, &zero), 0);
	*ret_slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK);
	test_true(*ret_slave >= 0);
	test_int(tcgetattr(*ret_slave, &raw), 0);
	cfmakeraw(&raw);
	test_int(tcsetattr(*ret_slave, TCSANOW, &raw), 0);
	return master;
}

static char held[RELAY_HELD];

static void terminal_output_is_complete(void)
{
	int master = open_terminal(&process);

	start(&relay_tty_to_socket, master, make_stream(), held);
	transfer(process, host);
	clean();
}

static void terminal_output_is_drained_when_finished(void)
{
	int master = open_terminal(&process);
	size_t got = 0;
	ssize_t n;

	start(&relay_tty_to_socket, master, make_stream(), held);
	test_int(put_pattern(process, 0, 3000), 3000);
	relay_finish(&relay);
	while ((n = check_pattern(host, got)) != 0) {
		got += n > 0 ? (size_t)n : 0;
		turn();
	}
	test_int(got, 3000);
	clean();
}

static void terminal_input(void)
{
	int master = open_terminal(&process);
	size_t sent = 0, got = 0;
	ssize_t n;

	start(&relay_socket_to_tty, make_stream(), master, NULL);
	while (got < 100000) {
		if (sent < 100000)
			sent += put_pattern(host, sent, 100000 - sent);
		turn();
		n = check_pattern(process, got);
		got += n > 0 ? (size_t)n : 0;
	}
	test_int(shutdown(host, SHUT_WR), 0);
	run_to_end();
	clean();
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	test_int(loop_init(&loop), 0);
	test_int(relay_setup(open("/dev/null", O_RDWR | O_CLOEXEC)), 0);
	test_run(output_is_complete);
	test_run(input_is_complete);
	test_run(stalls_without_loss);
	test_run(finish_drains_what_is_there);
	test_run(finish_waits_for_a_slow_host);
	test_run(half_closed_output_goes_on);
	test_run(host_that_leaves_ends_output);
	test_run(closed_stdin_discards);
	test_run(finished_input_is_delivered_first);
	test_run(terminal_output_is_complete);
	test_run(terminal_output_is_drained_when_finished);
	test_run(terminal_input);
	loop_deinit(&loop);
	return 0;
}
