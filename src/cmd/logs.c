/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "sandbox/iolog.h"
#include "sandbox/record.h"

struct logs {
	bool follow, console;
};

static const struct opt options[] = {
	OPT(logs, 'f', "follow", OPT_FLAG, follow, NULL, "go on until the container ends"),
	OPT(logs, 0, "console", OPT_FLAG, console, NULL,
	    "what its VM's kernel and init have said, where that is kept"),
	{.kind = OPT_END},
};

/* All that is there now. Return: 0 or negative errno. */
static int print_present(struct iolog_reader *reader)
{
	char buf[65536];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = iolog_read(reader, buf, sizeof(buf))) != 0) {
		if (n < 0)
			return (int)n;
		r = fd_write_full(reader->stream == IOLOG_STDERR ? STDERR_FILENO : STDOUT_FILENO,
				  buf, (size_t)n);
	}
	return r;
}

/* The log grows, the exit status is written, the container is removed: each wakes us. */
static int watch(const struct record *record)
{
	_cleanup_free_ char *log = path_join(record->dir_path, "log");
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC);

	if (fd < 0 || inotify_add_watch(fd, log, IN_MODIFY | IN_DELETE_SELF | IN_ATTRIB) < 0 ||
	    inotify_add_watch(fd, record->dir_path, IN_MOVED_TO | IN_DELETE_SELF) < 0)
		return -errno;
	return take_fd(fd);
}

/*
 * What was killed with its keeper writes no exit status: then the claim on the record is all that goes.
 * Return: 1: it has ended.
 */
static int await_news(struct record *record, int events, int keeper)
{
	struct pollfd p[] = {{.fd = events, .events = POLLIN}, {.fd = keeper, .events = POLLIN}};
	char buf[4096];
	int r;

	/* One that has ended before we looked has no descriptor. */
	if (poll(p, ARRAY_SIZE(p), keeper == -ESRCH ? 0 : -1) < 0 && errno != EINTR)
		return -errno;
	if (p[0].revents)
		return read(events, buf, sizeof(buf)) < 0 && errno != EINTR ? -errno : 0;
	if (keeper != -ESRCH && !p[1].revents)
		return 0;
	r = record_wait(record, 0);
	record->lock = fd_close(record->lock);
	return r == 0 || r == -ENOENT ? 1 : r;
}

static int follow(struct record *record, struct iolog_reader *reader)
{
	_cleanup_close_ int events = watch(record), keeper = record_open_keeper(record);
	int r, status;
	bool ended;

	if (events < 0)
		return events == -ENOENT ? print_present(reader) : events;
	for (;;) {
		/* The state first: what was written before the end is then read for certain. */
		ended = record_state(record, &status) != RECORD_RUNNING;
		r = print_present(reader);
		if (r < 0 || ended)
			return r;
		r = await_news(record, events, keeper);
		if (r != 0)
			return r < 0 ? r : print_present(reader);
	}
}

/* Written as it comes, without what could move a cursor. */
static int print_console(const struct record *record, struct err *err)
{
	_cleanup_close_ int fd =
		openat(record->dir, RECORD_CONSOLE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char buf[4096];
	ssize_t n = 0;
	int r = 0;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, -ENOENT,
			       "of container %s the console is not kept, unless it has "
			       "RUNCVM_LOG_LEVEL=info or debug",
			       record->id);
	while (fd >= 0 && r == 0 && (n = fd_read_full(fd, buf, sizeof(buf))) > 0)
		r = fd_write_full(STDOUT_FILENO, buf, (size_t)n);
	r = fd < 0 ? -errno : n < 0 ? (int)n : r;
	return r < 0 && r != -EPIPE
		       ? err_errno(err, r, "cannot show the console of container %s", record->id)
		       : 0;
}

static int logs_one(const struct paths *paths, const char *name, void *userdata, struct err *err)
{
	const struct logs *logs = userdata;
	struct record record = RECORD_NULL;
	struct iolog_reader reader = {.fd = -EBADF};
	int r = record_open(paths, name, &record, err);

	if (r < 0)
		return r;
	if (logs->console) {
		r = print_console(&record, err);
		record_done(&record);
		return r;
	}
	reader.fd = openat(record.dir, "log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (reader.fd < 0)
		r = -errno;
	else
		r = logs->follow ? follow(&record, &reader) : print_present(&reader);
	if (r == -EPIPE)
		r = 0;
	if (r == -ENOENT)
		(void)err_set(
			err, r,
			"the output of container %s goes to the engine that created it, which may "
			"have kept it",
			record.id);
	else if (r < 0)
		err_errno(err, r, "cannot show the output of container %s", record.id);
	fd_close(reader.fd);
	record_done(&record);
	return r;
}

static int logs_main(const struct command *self, int argc, char **argv)
{
	struct logs logs = {.follow = false};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &logs, &err);

	if (at >= 0 && opts_check_words(self, argv + at, 1, 1, "which container?", &err) < 0)
		at = -EINVAL;
	if (at >= 0 && logs.follow && logs.console)
		at = err_set(&err, -EINVAL, "--console does not go with --follow");
	if (at < 0)
		return cmd_fail(self, &err);
	return cmd_each(self, argv + at, logs_one, &logs);
}

const struct command command_logs = {
	.name = "logs",
	.usage = "[OPTIONS] NAME",
	.summary = "Show what a container has printed.",
	.details = "What went to its stdout goes to stdout, its stderr to stderr. The last 16 MiB\n"
		   "are kept.\n",
	.opts = options,
	.failure = 1,
	.run = logs_main,
};
