/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "guest/pidns.h"

/* What works takes moments; but on a machine that emulates many VMs, a moment is long. */
#define WORKER_SECONDS 120

/* Of a worker's words: more than the longest line, which has a path in it. */
#define TAIL_MAX 8192

void workers_init(struct workers *workers, struct loop *loop)
{
	workers->loop = loop;
	list_init(&workers->running);
}

static _noreturn_ void child(int (*run)(void *arg, int words), void *arg, int words)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	_exit(run(arg, words));
}

/* With all that it has started: once it runs it leads a session, and so a process group. */
void worker_kill(struct worker *worker)
{
	if (!worker_busy(worker))
		return;
	(void)kill(worker->pid, SIGKILL);
	(void)kill(-worker->pid, SIGKILL);
}

static void too_late(struct loop_timer *timer)
{
	struct worker *worker = container_of(timer, struct worker, deadline);

	worker->late = true;
	worker_kill(worker);
}

static void forget(struct worker *worker)
{
	list_del(&worker->link);
	loop_timer_stop(&worker->deadline);
	worker->pid = 0;
}

void worker_stop(struct worker *worker)
{
	if (!worker_busy(worker))
		return;
	worker_kill(worker);
	forget(worker);
	worker->words = fd_close(worker->words);
}

int worker_start(struct workers *workers, struct worker *worker, int (*run)(void *arg, int words),
		 void *arg, void (*done)(struct worker *worker, uint32_t status))
{
	_cleanup_close_ int words = memfd_create("words", MFD_CLOEXEC);
	int r = words < 0 ? -errno : pidns_come_home();
	pid_t pid = r < 0 ? r : fork();

	if (pid < 0)
		return r < 0 ? r : -errno;
	if (pid == 0)
		child(run, arg, words);
	worker->pid = pid;
	worker->words = take_fd(words);
	worker->done = done;
	worker->late = false;
	loop_timer_init(&worker->deadline);
	loop_timer_start(workers->loop, &worker->deadline,
			 loop_now(workers->loop) + WORKER_SECONDS * NSEC_PER_SEC, too_late);
	list_init(&worker->link);
	list_append(&workers->running, &worker->link);
	return 0;
}

void worker_take_your_time(struct worker *worker)
{
	loop_timer_stop(&worker->deadline);
}

static void replace_controls(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

/* Return: where it begins. */
static const char *last_line(char *text, size_t len)
{
	char *line;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	text[len] = '\0';
	line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

void worker_last_line(char *text, size_t len)
{
	const char *line = last_line(text, len);

	memmove(text, line, strlen(line) + 1);
	replace_controls(text);
}

/* The end of the file is enough, if the last line begins in it. Return: where that is in @tail. */
static const char *last_words(int words, char tail[TAIL_MAX])
{
	struct stat st = {.st_size = 0};
	ssize_t n;

	if (fstat(words, &st) < 0)
		return "";
	n = pread(words, tail, TAIL_MAX - 1, MAX(0, st.st_size - TAIL_MAX + 1));
	return last_line(tail, (size_t)MAX(n, 0));
}

size_t worker_output(const struct worker *worker, char *buf, size_t size)
{
	ssize_t n = pread(worker->words, buf, size, 0);

	return n > 0 ? (size_t)n : 0;
}

void worker_words(const struct worker *worker, char *buf, size_t size)
{
	char tail[TAIL_MAX];

	if (worker->late)
		(void)snprintf(buf, size, "it has taken longer than %d s", WORKER_SECONDS);
	else
		(void)snprintf(buf, size, "%s", last_words(worker->words, tail));
	replace_controls(buf);
}

bool workers_reaped(struct workers *workers, pid_t pid, uint32_t status)
{
	list_for_each_safe (it, &workers->running) {
		struct worker *worker = container_of(it, struct worker, link);
		int words;

		if (worker->pid != pid)
			continue;
		forget(worker);
		words = worker->words;
		worker->done(worker, status);
		fd_close(words);
		return true;
	}
	return false;
}
