/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/test.h"
#include "guest/worker.h"

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

static int hang(void *arg _unused_, int out _unused_)
{
	/* What it has started goes with it. */
	if (fork() == 0)
		(void)pause();
	(void)pause();
	return 0;
}

static void over(struct loop_defer *defer _unused_)
{
	loop_quit(&loop, 0);
}

static void one_that_hangs_is_killed(void)
{
	struct loop_defer defer = LOOP_DEFER_NULL(defer);
	struct worker worker = {.pid = 0};
	pid_t pid;

	begin();
	test_int(worker_start(&workers, &worker, hang, NULL, done), 0);
	pid = worker.pid;
	/* It leads a group once it runs: until then nobody can be told. */
	while (getpgid(pid) != pid)
		continue;
	loop_timer_start(&loop, &worker.deadline, clock_now(), worker.deadline.callback);
	while (!worker.late) {
		loop_defer_start(&loop, &defer, over);
		test_int(loop_run(&loop), 0);
	}
	reap(pid);
	test_int(ended, 128 + SIGKILL);
	test_str(words, "it has taken longer than 120 s");
	loop_deinit(&loop);
}

int main(void)
{
	test_run(a_worker_tells);
	test_run(a_long_line_begins_as_it_was_said);
	test_run(one_that_hangs_is_killed);
	return 0;
}
