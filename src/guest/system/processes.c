/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/system/processes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/procfs.h"
#include "guest/transfer.h"
#include "system.pb-c.h"

#define PIDS_MAX    4096
#define COMMAND_MAX 4096

/* What vminitd fills before it forks, and a worker reads. @n_pids: negative errno: it could not. */
static pid_t pids[PIDS_MAX];
static int n_pids;

/* In the child. */

/* struct seen - a process; @parent is a number of vminitd's own, as those in pids */
struct seen {
	unsigned int uid;
	int parent, own, tty;
	unsigned long long started, used;
	char command[COMMAND_MAX];
};

/* Return: bytes, with a NUL after them; 0: there is no such process any more. */
static size_t read_of(pid_t pid, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = -EBADF;
	char path[48];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	fd = openat(procfs_get(), path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : fd_read_full(fd, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

enum { STAT_PARENT = 4, STAT_TTY = 7, STAT_USER = 14, STAT_SYSTEM = 15, STAT_START = 22 };

/* A line of its status without what is before it, or NULL. */
static char *line_of(char *status, const char *name)
{
	char *line = strstr(status, name);

	if (line)
		line += strlen(name);
	if (line)
		line[strcspn(line, "\n")] = '\0';
	return line;
}

/* Its number in the namespace that it is in, which is the last one, and whose it is. */
static int see_status(pid_t pid, unsigned int *uid)
{
	char status[2048], *line, *last;

	if (read_of(pid, "status", status, sizeof(status)) == 0)
		return 0;
	/* From the end on, as what is found is cut off. */
	line = line_of(status, "\nNSpid:");
	last = line ? strrchr(line, '\t') : NULL;
	line = line_of(status, "\nUid:");
	if (!last || !line)
		return 0;
	*uid = (unsigned int)strtoul(line, NULL, 10);
	return atoi(last);
}

static time_t booted_at(void)
{
	struct timespec now, since;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_BOOTTIME, &since);
	return now.tv_sec - since.tv_sec;
}

/* Those after the state, by proc(5)'s numbers of them. */
static bool read_numbers(const char *text, long long numbers[STAT_START + 1])
{
	for (size_t i = STAT_PARENT; i <= STAT_START; i++) {
		char *end;

		numbers[i] = strtoll(text, &end, 10);
		if (end == text)
			return false;
		text = end;
	}
	return true;
}

static bool see_stat(pid_t pid, struct seen *s)
{
	const long long hertz = sysconf(_SC_CLK_TCK);
	long long numbers[STAT_START + 1];
	char stat[512], *name, *rest;

	if (read_of(pid, "stat", stat, sizeof(stat)) == 0)
		return false;
	/* The name, in brackets, may have anything in it. */
	name = strchr(stat, '(');
	rest = strrchr(stat, ')');
	if (!name || !rest || strlen(rest) < strlen(") R ") ||
	    !read_numbers(rest + strlen(") R "), numbers))
		return false;
	s->parent = (int)numbers[STAT_PARENT];
	s->tty = (int)numbers[STAT_TTY];
	s->used = (unsigned long long)((numbers[STAT_USER] + numbers[STAT_SYSTEM]) * 1000 / hertz);
	s->started = (unsigned long long)(booted_at() + numbers[STAT_START] / hertz);
	(void)snprintf(s->command, sizeof(s->command), "[%.*s]", (int)(rest - name - 1), name + 1);
	return true;
}

/* One that has none, as one that has ended, keeps its name in brackets. */
static void see_command(pid_t pid, struct seen *s)
{
	char line[COMMAND_MAX];
	size_t len = read_of(pid, "cmdline", line, sizeof(line));

	while (len > 0 && line[len - 1] == '\0')
		len--;
	if (len == 0)
		return;
	for (size_t i = 0; i < len; i++)
		s->command[i] = line[i] == '\0' ? ' ' : line[i];
	s->command[len] = '\0';
}

static bool see(pid_t pid, struct seen *s)
{
	s->own = see_status(pid, &s->uid);
	if (s->own == 0 || !see_stat(pid, s))
		return false;
	see_command(pid, s);
	return true;
}

/* 0: outside of the container. */
static int parent_number(const struct seen *s)
{
	unsigned int uid;

	for (int i = 0; i < n_pids; i++)
		if (pids[i] == s->parent)
			return see_status(s->parent, &uid);
	return 0;
}

static int run(const ProtobufCMessage *message _unused_, int stream, int words)
{
	char line[COMMAND_MAX + 128];
	struct seen s;
	int r = n_pids < 0 ? n_pids : procfs_get(), n;

	if (r < 0)
		return transfer_say(words, r, "cannot list processes");
	for (int i = 0; i < n_pids; i++) {
		if (!see(pids[i], &s))
			continue;
		n = snprintf(line, sizeof(line), "%u %d %d %d %llu %llu %s", s.uid, s.own,
			     parent_number(&s), s.tty, s.started, s.used, s.command);
		r = transfer_put(&stream, line, (size_t)n + 1);
		if (r < 0)
			return transfer_say(words, r, "cannot tell of processes");
	}
	return TTRPC_OK;
}

/* In vminitd. */

void processes_tell(struct ttrpc_call *call, struct task *task, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__ProcessesRequest *request = (const void *)message;
	struct process *p = process_find(&task->processes, request->id, "");

	/* It takes the stream, and finds out the same. */
	if (!p) {
		transfer_begin_in(call, request->stream, request->id, run, message);
		return;
	}
	n_pids = 0;
	if (p->pid > 0 && !p->reaped)
		n_pids = p->executor->ops->pids(p->executor, p, pids, PIDS_MAX);
	transfer_begin(call, request->stream, run, message);
}
