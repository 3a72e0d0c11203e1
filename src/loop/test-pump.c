/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

enum { TOTAL = 3 << 20 };

static struct loop loop;
static struct pump pump;
static char buffer[65536];
static size_t tapped;

static void done(struct pump *p, int error)
{
	test_true(!pump_active(p));
	loop_quit(&loop, error);
}

static void tap(struct pump *p _unused_, const void *data _unused_, size_t len)
{
	tapped += len;
}

static void start(int in, int out)
{
	tapped = 0;
	pump_init(&pump);
	pump.done = done;
	pump.tap = tap;
	test_int(pump_start(&pump, &loop, in, out, buffer, sizeof(buffer)), 0);
}

/* A child that writes, and one that reads slowly and checks: one byte's value is its place. */
static pid_t writer(int fd)
{
	unsigned char block[7001];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (size_t at = 0; at < TOTAL;) {
		size_t n = MIN(sizeof(block), TOTAL - at);

		for (size_t i = 0; i < n; i++)
			block[i] = (unsigned char)((at + i) % 253);
		if (fd_write_full(fd, block, n) < 0)
			_exit(1);
		at += n;
	}
	_exit(0);
}

static void check_all(int fd)
{
	unsigned char block[5003];
	size_t at = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			if (block[i] != at % 253)
				_exit(1);
	_exit(at == TOTAL ? 0 : 2);
}

static pid_t reader(int fd, int other)
{
	pid_t pid = fork();

	if (pid == 0) {
		close(other);
		check_all(fd);
	}
	return pid;
}

static void expect_success(pid_t pid)
{
	int status;

	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
}

static void copies_through(int in[2], int out[2])
{
	pid_t w = writer(in[1]), r;

	in[1] = fd_close(in[1]);
	r = reader(out[0], out[1]);
	out[0] = fd_close(out[0]);
	start(in[0], out[1]);
	test_int(loop_run(&loop), 0);
	test_int(tapped, TOTAL);
	in[0] = fd_close(in[0]);
	out[1] = fd_close(out[1]);
	expect_success(w);
	expect_success(r);
}

static void blocking_pipes(void)
{
	int in[2], out[2];

	test_int(pipe2(in, O_CLOEXEC), 0);
	test_int(pipe2(out, O_CLOEXEC), 0);
	copies_through(in, out);
}

static void sockets(void)
{
	int in[2], out[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in), 0);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out), 0);
	copies_through(in, out);
}

static void files(void)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = memfd_create("to", MFD_CLOEXEC);
	off_t size = lseek(from, 0, SEEK_END);

	test_int(lseek(from, 0, SEEK_SET), 0);
	start(from, to);
	test_int(loop_run(&loop), 0);
	test_int(lseek(to, 0, SEEK_END), size);
	test_int(tapped, size);
	fd_close(from);
	fd_close(to);
}

static void nobody_reads(void)
{
	int in[2], out[2];

	test_int(pipe2(in, O_CLOEXEC), 0);
	test_int(pipe2(out, O_CLOEXEC), 0);
	start(in[0], out[1]);
	/* Noticed at once, not only with the next byte. */
	out[0] = fd_close(out[0]);
	test_int(loop_run(&loop), -EPIPE);
	fd_close(in[0]);
	fd_close(in[1]);
	fd_close(out[1]);
}

static struct loop_defer quitter = LOOP_DEFER_NULL(quitter);

static void quit_soon(struct loop_defer *d _unused_)
{
	loop_quit(&loop, 42);
}

/*
 * A pipe that nobody empties must not hold the loop, even a blocking one: neither when it is full nor
 * when there is still room in it, but not for everything.
 */
static void a_stalled_reader_stalls_nothing_else(void)
{
	int in = open("/dev/zero", O_RDONLY | O_CLOEXEC), out[2];
	char byte;
	int n;

	test_int(pipe2(out, O_CLOEXEC), 0);
	test_int(write(out[1], buffer, 8192), 8192);
	(void)alarm(20);
	start(in, out[1]);
	for (n = 0; n < 100; n++) {
		loop_defer_start(&loop, &quitter, quit_soon);
		test_int(loop_run(&loop), 42);
	}
	(void)alarm(0);
	test_true(pump_active(&pump));
	test_int(read(out[0], &byte, 1), 1);
	pump_stop(&pump);
	pump_stop(&pump);
	fd_close(in);
	fd_close(out[0]);
	fd_close(out[1]);
}

int main(void)
{
	test_int(loop_init(&loop), 0);
	(void)signal(SIGPIPE, SIG_IGN);
	test_run(blocking_pipes);
	test_run(sockets);
	test_run(files);
	test_run(nobody_reads);
	test_run(a_stalled_reader_stalls_nothing_else);
	loop_deinit(&loop);
	return 0;
}
