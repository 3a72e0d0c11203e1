/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static char folder[] = "/tmp/test-streams-XXXXXX";
static struct err err;
static struct record record = RECORD_NULL;
static const struct container container = {.record = &record};
static char *fifo, *file;

static int open_all(const char *in, const char *out, const char *error, bool terminal,
		    struct streams *ret)
{
	struct process_stdio stdio = {.in = in, .out = out, .err = error, .terminal = terminal};
	int r;

	*ret = (struct streams)STREAMS_NULL;
	err = (struct err)ERR_NULL;
	r = streams_open(&container, &stdio, ret, &err);
	if (r == 0)
		test_true(!stdio.fds || stdio.fds == ret->fds);
	return r;
}

static bool is_closed(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&pfd, 1, 0) == 1 && read(fd, &byte, 1) == 0;
}

/* Nobody waits for the other end, which comes and goes. */
static void output_stays_open(void)
{
	_cleanup_free_ char *uri = xasprintf("fifo://%s", fifo);
	_cleanup_close_ int reader = -EBADF;
	struct streams streams;
	char byte = 0;

	test_int(open_all("", uri, fifo, false, &streams), 0);
	test_int(streams.fds[0], -EBADF);
	test_int(write(streams.fds[1], "x", 1), 1);
	reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	test_int(read(reader, &byte, 1), 1);
	reader = fd_close(reader);
	test_int(write(streams.fds[2], "y", 1), 1);
	reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	test_int(read(reader, &byte, 1), 1);
	test_int(byte, 'y');
	test_true(!is_closed(reader));
	streams_done(&streams);
	test_true(is_closed(reader));
}

/* Whoever writes to it cannot say that this was all before the process is known. */
static void input_is_opened_later(void)
{
	_cleanup_free_ char *uri = xasprintf("fifo://%s", fifo);
	struct process_stdio stdio = {.in = uri, .out = "", .err = ""};
	struct streams streams = STREAMS_NULL;

	test_int(streams_open(&container, &stdio, &streams, &err), 0);
	test_str(stdio.in, fifo);
	test_true(stdio.late_input);
	test_int(streams.fds[0], -EBADF);
	test_int(open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
}

static void files_are_added_to(void)
{
	_cleanup_free_ char *uri = xasprintf("file://%s/logs/of/box", folder), *text = NULL;
	struct streams streams;

	for (int i = 0; i < 2; i++) {
		test_int(open_all("", uri, "", false, &streams), 0);
		test_int(write(streams.fds[1], "out ", 4), 4);
		test_int(write(streams.fds[2], "err ", 4), 4);
		streams_done(&streams);
	}
	test_int(file_slurp_at(AT_FDCWD, uri + strlen("file://"), 100, &text, NULL), 0);
	test_str(text, "out err out err ");
	/* A path alone is not made. */
	test_int(open_all("", file, "", false, &streams), 0);
	streams_done(&streams);
	uri[strlen(uri) - 1] = 'a';
	test_int(open_all("", uri + strlen("file://"), "", false, &streams), -ENOENT);
	streams_done(&streams);
}

/* As clients write what has a blank; what else a URI may have is no part of the path. */
static void a_uri_is_decoded(void)
{
	_cleanup_free_ char *uri = xasprintf("file://%s/%%6Cogs%%2fof%%20a%%20box?x#y", folder);
	_cleanup_free_ char *path = path_join(folder, "logs/of a box"), *text = NULL;
	struct streams streams;

	test_int(open_all("", uri, "", false, &streams), 0);
	test_int(write(streams.fds[1], "out", 3), 3);
	streams_done(&streams);
	test_int(file_slurp_at(AT_FDCWD, path, 100, &text, NULL), 0);
	test_str(text, "out");
}

static void a_terminal_has_one_output(void)
{
	struct streams streams;

	test_int(open_all(fifo, fifo, "/nonesuch", true, &streams), 0);
	test_true(streams.fds[1] >= 0);
	test_int(streams.fds[2], -EBADF);
	streams_done(&streams);
}

static void nothing_is_nothing(void)
{
	struct streams streams;

	test_int(open_all("", "", "", false, &streams), 0);
	for (size_t i = 0; i < ARRAY_SIZE(streams.fds); i++)
		test_int(streams.fds[i], -EBADF);
}

static void what_cannot_be_opened_is_named(void)
{
	static const struct {
		const char *in, *out, *err, *part;
		int code;
	} rows[] = {
		{"", "/nonesuch/fifo", "", "/nonesuch/fifo", -ENOENT},
		{"/nonesuch/in", "", "", "/nonesuch/in", -EINVAL},
		{"", "", "/nonesuch/err", "/nonesuch/err", -ENOENT},
		{"", "relative", "", "relative", -EINVAL},
		{"", "ttrpc+unix:///run/x?streaming_id=a", "", "ttrpc+unix", -EINVAL},
		{"file:///x", "", "", "file:///x", -EINVAL},
		{"", "file://x", "", "file://x", -EINVAL},
		{"", "file:///x%", "", "file:///x% is no URI", -EINVAL},
		{"", "file:///x%00", "", "file:///x%00 is no URI", -EINVAL},
	};
	struct streams streams;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		test_int(open_all(rows[i].in, rows[i].out, rows[i].err, false, &streams),
			 rows[i].code);
		if (!strstr(err.text, rows[i].part))
			test_fail("no %s in: %s", rows[i].part, err.text);
		streams_done(&streams);
	}
}

/* caisson's own clients go, and what they have left nobody reads. */
static void our_own_are_opened_elsewhere(void)
{
	_cleanup_free_ char *own = path_join(record.run_path, "out");
	struct streams streams;

	test_int(open_all("", own, own, false, &streams), 0);
	test_int(streams.fds[1], -EBADF);
}

int main(void)
{
	test_true(mkdtemp(folder));
	fifo = path_join(folder, "fifo");
	file = path_join(folder, "file");
	record.run_path = path_join(folder, "run");
	test_int(mkfifo(fifo, 0600), 0);
	fd_close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	test_run(output_stays_open);
	test_run(input_is_opened_later);
	test_run(files_are_added_to);
	test_run(a_uri_is_decoded);
	test_run(a_terminal_has_one_output);
	test_run(nothing_is_nothing);
	test_run(what_cannot_be_opened_is_named);
	test_run(our_own_are_opened_elsewhere);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	free(fifo);
	free(file);
	free(record.run_path);
	return 0;
}
