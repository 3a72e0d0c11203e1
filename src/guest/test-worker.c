/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "guest/worker.h"
#include "loop/test-clock.h"

static struct loop loop;
static struct workers workers;
static char words[128];
static uint32_t ended;

static void done(struct worker *worker, uint32_t status)
{
	ended = status;
	worker_words(worker, words, sizeof(words));
	loop_quit(&loop, 0);
}

/* As vminitd's reaper does it. */
static void reap(pid_t pid)
{
	int status;

	test_int(waitpid(pid, &status, 0), pid);
	test_true(workers_reaped(&workers, pid,
				 WIFSIGNALED(status) ? 128 + (uint32_t)WTERMSIG(status)
						     : (uint32_t)WEXITSTATUS(status)));
}

static int speak(void *arg, int out)
{
	(void)dprintf(out, "first\n%s\n", (const char *)arg);
	return 7;
}

static void begin(void)
{
	test_int(loop_init(&loop), 0);
	loop.now = test_clock;
	workers_init(&workers, &loop);
}

static void a_worker_tells(void)
{
	struct worker worker = {.pid = 0};

	begin();
	test_int(worker_start(&workers, &worker, speak, (void *)"last\twords", done), 0);
	reap(worker.pid);
	test_int(ended, 7);
	test_str(words, "last?words");
	test_true(!workers_reaped(&workers, 1, 0));
	loop_deinit(&loop);
}

/* What went wrong comes first in it. */
static void a_long_line_begins_as_it_was_said(void)
{
	struct worker worker = {.pid = 0};
	char line[4096];

	memset(line, 'x', sizeof(line));
	memcpy(line, "cannot: ", 8);
	line[sizeof(line) - 1] = '\0';
	begin();
	test_int(worker_start(&workers, &worker, speak, line, done), 0);
	reap(worker.pid);
	line[sizeof(words) - 1] = '\0';
	test_str(words, line);
	loop_deinit(&loop);
}

/* The second one is open as long as a worker that hangs, or what it has started, is alive. */
static int life[2];

static int hang(void *arg _unused_, int out _unused_)
{
	if (fork() > 0)
		(void)write(life[1], "x", 1);
	return pause();
}

static void begin_to_hang(struct worker *worker,
			  void (*over)(struct worker *worker, uint32_t status))
{
	test_int(pipe2(life, O_CLOEXEC), 0);
	test_int(worker_start(&workers, worker, hang, NULL, over), 0);
	fd_close(life[1]);
}

/* It leads a group, and has a child. */
static void await_child(void)
{
	char byte;

	test_int(read(life[0], &byte, 1), 1);
}

static void nobody_is_left(void)
{
	struct pollfd fd = {.fd = life[0], .events = POLLIN};

	test_int(poll(&fd, 1, 60000), 1);
	test_int(fd.revents & (POLLIN | POLLHUP), POLLHUP);
	fd_close(life[0]);
}

static void one_that_hangs_is_killed(void)
{
	struct worker worker = {.pid = 0};
	pid_t pid;

	begin();
	begin_to_hang(&worker, done);
	pid = worker.pid;
	await_child();
	(void)test_pass(&loop, 120 * NSEC_PER_SEC - 1);
	test_true(!worker.late);
	(void)test_pass(&loop, 1);
	test_true(worker.late);
	reap(pid);
	test_int(ended, 128 + SIGKILL);
	test_str(words, "it has taken longer than 120 s");
	nobody_is_left();
	loop_deinit(&loop);
}

static int write_much(void *arg _unused_, int out)
{
	return fd_write_full(out, "one\0two\0three", 13) < 0;
}

static char output[13];
static size_t output_len;

static void read_some(struct worker *worker, uint32_t status)
{
	ended = status;
	output_len = worker_output(worker, output, 8);
}

static void output_is_read_from_its_beginning(void)
{
	struct worker worker = {.pid = 0};

	begin();
	test_int(worker_start(&workers, &worker, write_much, NULL, read_some), 0);
	reap(worker.pid);
	test_int(ended, 0);
	test_int(output_len, 8);
	test_mem(output, "one\0two", 8);
	loop_deinit(&loop);
}

static void never(struct worker *worker _unused_, uint32_t status _unused_)
{
	test_fail("it was told of");
}

static int next_fd(void)
{
	int fd = dup(STDERR_FILENO);

	return fd_close(fd), fd;
}

/* It is nobody's from then on, and another may begin before it is dead. */
static void stop_one(bool that_has_begun)
{
	struct worker worker = {.pid = 0};
	int before, status;
	pid_t pid, again;

	begin();
	before = next_fd();
	begin_to_hang(&worker, never);
	pid = worker.pid;
	test_true(worker_busy(&worker));
	if (that_has_begun)
		await_child();
	worker_stop(&worker);
	test_true(!worker_busy(&worker));
	worker_stop(&worker);
	test_true(list_empty(&workers.running));
	test_int(worker_start(&workers, &worker, speak, (void *)"next", done), 0);
	again = worker.pid;
	test_int(waitpid(pid, &status, 0), pid);
	test_int(WTERMSIG(status), SIGKILL);
	if (that_has_begun)
		nobody_is_left();
	else
		fd_close(life[0]);
	test_true(!workers_reaped(&workers, pid, 128 + SIGKILL));
	reap(again);
	test_str(words, "next");
	worker_stop(&worker);
	/* It was not told of its deadline either. */
	test_true(list_empty(&loop.timers));
	test_int(next_fd(), before);
	loop_deinit(&loop);
}

static void one_can_be_stopped(void)
{
	stop_one(true);
}

static void one_can_be_stopped_at_once(void)
{
	stop_one(false);
}

static int list_signals(void *arg _unused_, int out _unused_)
{
	sigset_t set;

	return sigprocmask(SIG_SETMASK, NULL, &set) < 0 || sigismember(&set, SIGCHLD);
}

/* vminitd has all of them blocked. */
static void signals_are_as_for_a_program(void)
{
	struct worker worker = {.pid = 0};
	sigset_t all, before;

	sigfillset(&all);
	begin();
	test_int(sigprocmask(SIG_BLOCK, &all, &before), 0);
	test_int(worker_start(&workers, &worker, list_signals, NULL, done), 0);
	test_int(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	reap(worker.pid);
	test_int(ended, 0);
	loop_deinit(&loop);
}

/* @arg: a pipe; it goes on until the test, which has the other end, has seen its parent's. */
static int leave_a_child(void *arg, int out _unused_)
{
	const int *hold = arg;
	char byte;

	if (fork() == 0) {
		fd_close(hold[1]);
		_exit(read(hold[0], &byte, 1) < 0);
	}
	return 3;
}

static void its_children_do_not_hold_it_up(void)
{
	struct worker worker = {.pid = 0};
	int hold[2];

	begin();
	test_int(pipe(hold), 0);
	test_int(worker_start(&workers, &worker, leave_a_child, hold, done), 0);
	reap(worker.pid);
	test_int(ended, 3);
	fd_close(hold[0]);
	fd_close(hold[1]);
	loop_deinit(&loop);
}

int main(void)
{
	test_run(output_is_read_from_its_beginning);
	test_run(one_can_be_stopped);
	test_run(one_can_be_stopped_at_once);
	test_run(signals_are_as_for_a_program);
	test_run(its_children_do_not_hold_it_up);
	test_run(a_worker_tells);
	test_run(a_long_line_begins_as_it_was_said);
	test_run(one_that_hangs_is_killed);
	return 0;
}
