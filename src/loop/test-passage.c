/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/passage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static struct loop loop;
static struct passage passage;

static void done(struct passage *p)
{
	test_true(p == &passage);
	loop_quit(&loop, 7);
}

/* The passage is ours until both ways have ended; a child has the two ends. */
static void run(void (*converse)(int left, int right))
{
	int a[2], b[2], status;
	pid_t pid;

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a), 0);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b), 0);
	pid = fork();
	if (pid == 0) {
		fd_close(a[1]);
		fd_close(b[1]);
		converse(a[0], b[0]);
		_exit(0);
	}
	fd_close(a[0]);
	fd_close(b[0]);
	test_int(fcntl(a[1], F_SETFL, O_NONBLOCK), 0);
	test_int(fcntl(b[1], F_SETFL, O_NONBLOCK), 0);
	passage_init(&passage);
	passage.done = done;
	test_int(passage_start(&passage, &loop, a[1], b[1]), 0);
	test_int(loop_run(&loop), 7);
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
	test_int(passage.fds[0], -EBADF);
	passage_stop(&passage);
}

static void half_close(int left, int right)
{
	char buf[16];

	test_int(write(left, "question", 8), 8);
	test_int(shutdown(left, SHUT_WR), 0);
	test_int(read(right, buf, sizeof(buf)), 8);
	test_int(read(right, buf, sizeof(buf)), 0);
	test_int(write(right, "answer", 6), 6);
	test_int(shutdown(right, SHUT_WR), 0);
	test_int(read(left, buf, sizeof(buf)), 6);
	test_int(read(left, buf, sizeof(buf)), 0);
}

static void vanish(int left, int right)
{
	static char piece[65536];
	char buf[1];

	fd_close(right);
	test_int(read(left, buf, 1), 0);
	while (write(left, piece, sizeof(piece)) > 0)
		continue;
	test_int(errno, EPIPE);
}

static void each_way_ends_by_itself(void)
{
	run(half_close);
}

static void who_goes_on_writing_is_told(void)
{
	run(vanish);
}

static void it_may_be_stopped_at_any_time(void)
{
	int a[2], b[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, a), 0);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, b), 0);
	passage_init(&passage);
	test_int(passage_start(&passage, &loop, a[1], b[1]), 0);
	passage_stop(&passage);
	test_int(passage.fds[1], -EBADF);
	fd_close(a[0]);
	fd_close(b[0]);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	test_int(loop_init(&loop), 0);
	test_run(each_way_ends_by_itself);
	test_run(who_goes_on_writing_is_told);
	test_run(it_may_be_stopped_at_any_time);
	loop_deinit(&loop);
	return 0;
}
