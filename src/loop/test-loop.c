/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "loop/test-clock.h"

static struct loop loop;
static char trace[64];

static void note(char c)
{
	size_t n = strlen(trace);

	trace[n] = c;
	trace[n + 1] = '\0';
}

static void begin(void)
{
	trace[0] = '\0';
	test_int(loop_init(&loop), 0);
}

static void make_pipe(int fds[2])
{
	test_int(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
}

/* Two descriptors are ready in one turn; whichever comes first stops the other. */
static struct loop_io pair[2] = {LOOP_IO_NULL, LOOP_IO_NULL};

static void stops_other(struct loop_io *io, uint32_t revents)
{
	test_true(revents & EPOLLIN);
	note('x');
	loop_io_stop(io == &pair[0] ? &pair[1] : &pair[0]);
	loop_io_stop(io);
	loop_quit(&loop, 7);
}

static void stopped_source_is_not_called(void)
{
	int a[2], b[2];

	begin();
	make_pipe(a);
	make_pipe(b);
	test_int(write(a[1], "1", 1), 1);
	test_int(write(b[1], "1", 1), 1);
	test_int(loop_io_start(&loop, &pair[0], a[0], EPOLLIN, stops_other), 0);
	test_int(loop_io_start(&loop, &pair[1], b[0], EPOLLIN, stops_other), 0);
	test_int(loop_run(&loop), 7);
	test_str(trace, "x");
	for (int i = 0; i < 2; i++) {
		fd_close(a[i]);
		fd_close(b[i]);
	}
	loop_deinit(&loop);
}

static void never(struct loop_io *io _unused_, uint32_t revents _unused_)
{
	test_fail("called");
}

static void closing_before_stopping_is_noticed(void)
{
	static struct loop_io io = LOOP_IO_NULL;
	int p[2], status;
	pid_t pid;

	begin();
	make_pipe(p);
	test_int(loop_io_start(&loop, &io, p[0], EPOLLIN, never), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(STDERR_FILENO);
		fd_close(p[0]);
		loop_io_stop(&io);
		_exit(0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	test_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	loop_io_stop(&io);
	fd_close(p[0]);
	fd_close(p[1]);
	loop_deinit(&loop);
}

static struct loop_timer timers[3] = {LOOP_TIMER_NULL(timers[0]), LOOP_TIMER_NULL(timers[1]),
				      LOOP_TIMER_NULL(timers[2])};

static void timer_fired(struct loop_timer *timer)
{
	note((char)('0' + (timer - timers)));
	if (strlen(trace) == 2)
		loop_quit(&loop, 0);
}

static void timers_fire_in_order(void)
{
	uint64_t now = clock_now();

	begin();
	loop_timer_start(&loop, &timers[0], now + 2 * NSEC_PER_MSEC, timer_fired);
	loop_timer_start(&loop, &timers[1], now + NSEC_PER_MSEC, timer_fired);
	loop_timer_start(&loop, &timers[2], now, timer_fired);
	loop_timer_stop(&timers[2]);
	test_int(loop_run(&loop), 0);
	test_str(trace, "10");
	test_true(clock_now() >= now + 2 * NSEC_PER_MSEC);
	loop_deinit(&loop);
}

/* To the nanosecond, and however long the real clock was looked at. */
static void timers_obey_the_clock_given(void)
{
	begin();
	loop.now = test_clock;
	loop_timer_start(&loop, &timers[0], loop_now(&loop) + 3600 * NSEC_PER_SEC, timer_fired);
	loop_timer_start(&loop, &timers[1], loop_now(&loop) + 1, timer_fired);
	test_true(!test_turn(&loop));
	test_str(trace, "");
	test_true(!test_pass(&loop, 1));
	test_str(trace, "1");
	test_true(!test_pass(&loop, 3600 * NSEC_PER_SEC - 2));
	test_str(trace, "1");
	test_true(test_pass(&loop, 1));
	test_str(trace, "10");
	loop_deinit(&loop);
}

static struct loop_defer deferred = LOOP_DEFER_NULL(deferred);

static void defer_fired(struct loop_defer *d)
{
	note('d');
	if (strlen(trace) == 3)
		loop_quit(&loop, 0);
	else
		loop_defer_start(&loop, d, defer_fired);
}

static void deferred_runs_once_each_time(void)
{
	begin();
	loop_defer_start(&loop, &deferred, defer_fired);
	loop_defer_start(&loop, &deferred, defer_fired);
	test_int(loop_run(&loop), 0);
	test_str(trace, "ddd");
	loop_deinit(&loop);
}

static void signal_came(struct loop_signal *source, int signo)
{
	note(signo == SIGUSR1 ? 'u' : '?');
	loop_signal_stop(source);
	loop_quit(&loop, 0);
}

static void signals_arrive(void)
{
	static struct loop_signal source = {.io = LOOP_IO_NULL};
	sigset_t set;

	begin();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	test_int(loop_signal_start(&loop, &source, &set, signal_came), 0);
	test_int(kill(getpid(), SIGUSR1), 0);
	test_int(loop_run(&loop), 0);
	test_str(trace, "u");
	loop_signal_stop(&source);
	loop_deinit(&loop);
}

static void writable(struct loop_io *io, uint32_t revents)
{
	test_true(revents & EPOLLOUT);
	loop_io_stop(io);
	loop_quit(&loop, 1);
}

static void interest_can_change(void)
{
	static struct loop_io io = LOOP_IO_NULL;
	int p[2];

	begin();
	make_pipe(p);
	test_int(loop_io_start(&loop, &io, p[1], 0, writable), 0);
	test_int(loop_io_set(&io, EPOLLOUT), 0);
	test_int(loop_run(&loop), 1);
	test_true(!loop_io_active(&io));
	loop_io_stop(&io);
	fd_close(p[0]);
	fd_close(p[1]);
	loop_deinit(&loop);
}

int main(void)
{
	test_run(stopped_source_is_not_called);
	test_run(closing_before_stopping_is_noticed);
	test_run(timers_fire_in_order);
	test_run(timers_obey_the_clock_given);
	test_run(deferred_runs_once_each_time);
	test_run(signals_arrive);
	test_run(interest_can_change);
	return 0;
}
