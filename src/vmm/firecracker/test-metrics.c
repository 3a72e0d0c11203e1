/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/metrics.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loop/test-clock.h"
#include "vmm/test-files.h"

static struct loop loop;
static struct fc_metrics metrics;
static int dir, writer;
static char path[128];

static void begin(void)
{
	struct fc_metrics fresh = FC_METRICS_NULL;

	metrics = fresh;
	files_begin();
	test_int(loop_init(&loop), 0);
	dir = open(files_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s", files_path("figures"));
	test_int(fc_metrics_start(&metrics, &loop, dir, "fifo", path), 0);
	/* As Firecracker before 1.15, which there has to be a reader for. */
	writer = openat(dir, "fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	test_true(writer >= 0);
}

static void end(void)
{
	fd_close(writer);
	fc_metrics_stop(&metrics);
	fc_metrics_stop(&metrics);
	loop_deinit(&loop);
	fd_close(dir);
	files_end();
}

static void say(const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(writer, text + at, MIN(len - at, 4096));

		test_true(n > 0);
		at += (size_t)n;
		(void)test_turn(&loop);
	}
	fc_metrics_drain(&metrics);
}

static void must_be(const char *want)
{
	_cleanup_free_ char *have = NULL;
	size_t len;

	test_int(file_slurp_at(AT_FDCWD, path, FC_METRICS_MAX, &have, &len), 0);
	test_int(len, strlen(want));
	test_mem(have, want, len);
}

static void test_lines(void)
{
	begin();
	say("{\"a\":1}\n{\"b\"", 12);
	must_be("{\"a\":1}\n");
	say(":2}\n", 4);
	must_be("{\"a\":1}\n{\"b\":2}\n");
	say("\n\x1b[2J\xff\n", 7);
	must_be("{\"a\":1}\n{\"b\":2}\n?[2J?\n");
	/* What is no line is not shown, at its end either. */
	say("{\"c\"", 4);
	end();
}

/* Without an end: neither memory nor the file gets more. */
static void test_endless_line(void)
{
	static char much[FC_METRICS_LINE_MAX + 5000];

	begin();
	memset(much, 'x', sizeof(much));
	for (int i = 0; i < 20; i++)
		say(much, sizeof(much));
	must_be("");
	say("\nafter\n", 7);
	must_be("after\n");
	/* The longest that there may be. */
	much[FC_METRICS_LINE_MAX - 1] = '\n';
	say(much, FC_METRICS_LINE_MAX);
	test_int(metrics.written, 6 + FC_METRICS_LINE_MAX);
	end();
}

static void test_flood(void)
{
	char line[4000], last[7];
	struct stat st;
	int fd;

	begin();
	fd = open(path, O_RDONLY | O_CLOEXEC);
	memset(line, 'y', sizeof(line));
	for (int i = 0; i < 3 * (int)(FC_METRICS_MAX / sizeof(line)); i++) {
		(void)snprintf(line, 8, "%07d", i);
		line[7] = 'y';
		line[sizeof(line) - 1] = '\n';
		say(line, sizeof(line));
		test_int(stat(path, &st), 0);
		test_true(st.st_size > 0 && st.st_size <= FC_METRICS_MAX);
		test_int(st.st_size % (off_t)sizeof(line), 0);
		/* The newest is there. */
		test_int(pread(fd, last, 7, st.st_size - (off_t)sizeof(line)), 7);
		test_mem(last, line, 7);
	}
	fd_close(fd);
	end();
}

/* It comes to its end, and nobody reads the FIFO for ever. */
static void test_end(void)
{
	begin();
	say("last\n", 5);
	writer = fd_close(writer);
	(void)test_turn(&loop);
	test_int(metrics.fifo, -EBADF);
	must_be("last\n");
	end();
}

static void test_somebody_elses_file(void)
{
	begin();
	fc_metrics_stop(&metrics);
	test_int(fc_metrics_start(&metrics, &loop, dir, "fifo", path), -EEXIST);
	test_int(symlinkat("/dev/null", dir, "link"), 0);
	test_int(fc_metrics_start(&metrics, &loop, dir, "fifo2", files_path("link")), -ELOOP);
	test_int(metrics.fifo, -EBADF);
	end();
}

int main(void)
{
	test_lines();
	test_endless_line();
	test_flood();
	test_end();
	test_somebody_elses_file();
	return 0;
}
