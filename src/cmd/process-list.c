/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/process-list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/table.h"
#include "cmd/transfer.h"
#include "system.pb-c.h"

/* 4096 processes, each with a long command. */
#define LIST_MAX (20u << 20)

/* Majors of Unix98 pseudo terminals (the kernel's devices.txt). */
#define PTS_MAJOR     136
#define PTS_MAJOR_MAX 143

static bool parse_one(const char *line, struct listed *p)
{
	unsigned long long started, used;
	int at = -1;

	if (sscanf(line, "%u %d %d %d %llu %llu %n", &p->uid, &p->pid, &p->parent, &p->tty,
		   &started, &used, &at) != 6 ||
	    at < 0)
		return false;
	p->started = started;
	p->used = used;
	p->command = table_printable(line + at);
	return true;
}

int process_list_parse(const char *text, size_t len, struct process_list *ret)
{
	size_t size = 0;

	*ret = (struct process_list){.v = NULL};
	for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
		if (!memchr(text + at, '\0', len - at))
			return -EPROTO;
		if (ret->n == size) {
			size = size ? 2 * size : 16;
			ret->v = xreallocarray(ret->v, size, sizeof(*ret->v));
		}
		if (!parse_one(text + at, &ret->v[ret->n]))
			return -EPROTO;
		ret->n++;
	}
	return 0;
}

int process_list_get(struct client *client, struct process_list *ret, struct err *err)
{
	Caisson__Guest__V1__ProcessesRequest request = CAISSON__GUEST__V1__PROCESSES_REQUEST__INIT;
	struct transfer t = TRANSFER_NULL;
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = transfer_open(&t, client, err), slurped = 0;

	if (r == 0) {
		request.id = client->record->id;
		request.stream = t.uri;
		r = transfer_begin(&t, RPC_SERVICE_SYSTEM, "Processes", &request.base, err);
	}
	if (r == 0) {
		slurped = fd_slurp(t.fd, LIST_MAX, &text, &len);
		r = transfer_end(&t, err);
	}
	if (r == 0 && slurped == 0)
		slurped = process_list_parse(text, len, ret);
	if (r == 0 && slurped < 0)
		r = err_errno(err, slurped, "container %s: cannot read what runs in it",
			      client->record->id);
	transfer_give_up(&t);
	return r;
}

static void tty_name(int tty, char *buf, size_t size)
{
	unsigned int n = (unsigned int)tty, major = n >> 8 & 0xfff;
	unsigned int minor = (n & 0xff) | (n >> 12 & 0xfff00);

	if (major >= PTS_MAJOR && major <= PTS_MAJOR_MAX)
		(void)snprintf(buf, size, "pts/%u", minor + (major - PTS_MAJOR) * 256);
	else
		(void)snprintf(buf, size, "?");
}

/* The time of a day, or which day it was. */
static void start_name(uint64_t started, uint64_t now, char *buf, size_t size)
{
	time_t at = (time_t)started;
	struct tm tm;

	buf[0] = '\0';
	if (localtime_r(&at, &tm))
		(void)strftime(buf, size, started + 24 * 3600 > now ? "%H:%M" : "%b%d", &tm);
}

static void print_one(const struct listed *p, uint64_t now)
{
	uint64_t age = now > p->started ? now - p->started : 1, seconds = p->used / 1000;
	char tty[24], start[24], used[48];

	tty_name(p->tty, tty, sizeof(tty));
	start_name(p->started, now, start, sizeof(start));
	(void)snprintf(used, sizeof(used), "%02llu:%02llu:%02llu",
		       (unsigned long long)seconds / 3600, (unsigned long long)seconds / 60 % 60,
		       (unsigned long long)seconds % 60);
	printf("%-8u %7d %7d %2llu %5s %-8s %8s %s\n", p->uid, p->pid, p->parent,
	       (unsigned long long)(p->used / 10 / age), start, tty, used, p->command);
}

void process_list_print(const struct process_list *list, uint64_t now)
{
	printf("%-8s %7s %7s %2s %5s %-8s %8s %s\n", "UID", "PID", "PPID", "C", "STIME", "TTY",
	       "TIME", "CMD");
	for (size_t i = 0; i < list->n; i++)
		print_one(&list->v[i], now);
}

void process_list_done(struct process_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].command);
	free(list->v);
	*list = (struct process_list){.v = NULL};
}
