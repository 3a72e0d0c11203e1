/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "shim/containerd/containerd.h"
#include "shim/test-shim.h"

static char folder[] = "/tmp/test-logger-XXXXXX";
static struct containerd containerd;
static struct err err;
static int fds[2];

static void begin(void)
{
	test_shim_begin(false);
	containerd_init(&containerd, &t.loop, "ns", "/nonesuch");
	t.shim.containerd = &containerd;
}

static void end(void)
{
	containerd_done(&containerd);
	test_shim_end();
}

static int start(const char *format, const char *script)
{
	_cleanup_free_ char *encoded = xstrdup(""), *uri = NULL;

	for (const char *p = script; *p; p++) {
		char *old = encoded;

		encoded = xasprintf("%s%%%02X", old, (unsigned char)*p);
		free(old);
	}
	uri = xasprintf("%s%s", format, encoded);
	err = (struct err)ERR_NULL;
	return logger_start(&t.shim.first, uri, fds, &err);
}

static void write_and_close(void)
{
	test_int(fd_write_full(fds[0], "out\n", 4), 0);
	test_int(fd_write_full(fds[1], "err\n", 4), 0);
	fd_close(fds[0]);
	fd_close(fds[1]);
}

/* It has read all before it ends, which we hear of. */
static void it_reads_both(void)
{
	_cleanup_free_ char *script = xasprintf(
		"exec 5>&-; { echo $CONTAINER_ID $CONTAINER_NAMESPACE; cat <&3; cat <&4; } >%s/log",
		folder);
	_cleanup_free_ char *path = path_join(folder, "log"), *text = NULL;

	begin();
	test_int(start("binary:///bin/sh?-c=", script), 0);
	test_true(!list_empty(&containerd.loggers));
	write_and_close();
	run_until(&t.loop, list_empty(&containerd.loggers));
	test_int(file_slurp_at(AT_FDCWD, path, 100, &text, NULL), 0);
	test_str(text, "c1 ns\nout\nerr\n");
	end();
}

static void arguments_are_what_the_query_says(void)
{
	_cleanup_free_ char *path = path_join(folder, "words"), *text = NULL;
	_cleanup_free_ char *uri = xasprintf(
		"binary:///bin/%%73h?-c=printf+%%25s,+%%22$@%%22+%%3E%s/words&a%%26b=&=c+d&e",
		folder);

	begin();
	err = (struct err)ERR_NULL;
	if (logger_start(&t.shim.first, uri, fds, &err) < 0)
		test_fail("%s", err.text);
	fd_close(fds[0]);
	fd_close(fds[1]);
	run_until(&t.loop, list_empty(&containerd.loggers));
	test_int(file_slurp_at(AT_FDCWD, path, 100, &text, NULL), 0);
	test_str(text, ",,c d,e,");
	end();
}

static void it_says_that_it_is_ready(void)
{
	begin();
	test_int(start("binary-v2:///bin/sh?-c=", "echo >&5; exec 5>&-; cat <&3; cat <&4"), 0);
	write_and_close();
	run_until(&t.loop, list_empty(&containerd.loggers));
	test_int(start("binary-v2:///bin/sh?-c=", "exit 1"), -EIO);
	test_true(strstr(err.text, "/bin/sh"));
	test_true(list_empty(&containerd.loggers));
	end();
}

static void it_does_not_outlive_us(void)
{
	begin();
	test_int(start("binary:///bin/sh?-c=", "exec 5>&-; exec sleep 1000"), 0);
	fd_close(fds[0]);
	fd_close(fds[1]);
	end();
	test_true(list_empty(&containerd.loggers));
}

static void what_is_no_program_is_named(void)
{
	static const struct {
		const char *uri;
		int code;
	} rows[] = {
		{"binary://relative", -EINVAL}, {"binary:///%zz", -EINVAL},
		{"binary:///a%2", -EINVAL},	{"binary:///a%00b", -EINVAL},
		{"binary:///a?k=%4", -EINVAL},	{"binary:///no/such/logger", -ENOENT},
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		err = (struct err)ERR_NULL;
		test_int(logger_start(&t.shim.first, rows[i].uri, fds, &err), rows[i].code);
		test_true(*err.text);
	}
	end();
}

int main(void)
{
	test_true(mkdtemp(folder));
	test_run(it_reads_both);
	test_run(arguments_are_what_the_query_says);
	test_run(it_says_that_it_is_ready);
	test_run(it_does_not_outlive_us);
	test_run(what_is_no_program_is_named);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
