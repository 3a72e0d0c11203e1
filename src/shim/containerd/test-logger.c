/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "loop/test-clock.h"
#include "shim/containerd/containerd.h"
#include "shim/test-shim.h"

static char folder[] = "/tmp/test-logger-XXXXXX";
static struct containerd containerd;
static struct asked asked;
static struct err err;
static int fds[2], go_fd;

static void begin(void)
{
	test_shim_begin(false);
	containerd_init(&containerd, &t.shim, "ns", "/nonesuch",
			open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	t.shim.containerd = &containerd;
}

static void end(void)
{
	containerd_done(&containerd);
	test_shim_end();
}

/* Return: a URI of that script, after what stands before it; a new string */
static char *uri_of(const char *before, const char *script)
{
	_cleanup_free_ char *encoded = xstrdup("");

	for (const char *p = script; *p; p++) {
		char *old = encoded;

		encoded = xasprintf("%s%%%02X", old, (unsigned char)*p);
		free(old);
	}
	return xasprintf("%s%s", before, encoded);
}

static int start(const char *before, const char *script)
{
	_cleanup_free_ char *uri = uri_of(before, script);
	struct process **holder;

	err = (struct err)ERR_NULL;
	return logger_start(&t.shim.first, uri, fds, &holder, &err);
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

/* What it has to do with the network it does where containerd is. */
static void it_has_the_network_of_containerd(void)
{
	_cleanup_free_ char *script =
		xasprintf("exec 5>&-; readlink /proc/self/ns/net >%s/net", folder);
	_cleanup_free_ char *path = path_join(folder, "net"), *text = NULL;
	char own[64] = "";

	begin();
	test_true(readlink("/proc/self/ns/net", own, sizeof(own) - 1) > 0);
	test_int(unshare(CLONE_NEWNET), 0);
	test_int(start("binary:///bin/sh?-c=", script), 0);
	fd_close(fds[0]);
	fd_close(fds[1]);
	run_until(&t.loop, list_empty(&containerd.loggers));
	test_int(setns(containerd.netns, CLONE_NEWNET), 0);
	test_int(file_slurp_at(AT_FDCWD, path, 100, &text, NULL), 0);
	test_int(strncmp(text, own, strlen(own)), 0);
	end();
}

static void arguments_are_what_the_query_says(void)
{
	_cleanup_free_ char *path = path_join(folder, "words"), *text = NULL;
	_cleanup_free_ char *uri = xasprintf(
		"binary:///bin/%%73h?-c=printf+%%25s,+%%22$@%%22+%%3E%s/words&a%%26b=&=c+d&e",
		folder);
	struct process **holder;

	begin();
	err = (struct err)ERR_NULL;
	if (logger_start(&t.shim.first, uri, fds, &holder, &err) < 0)
		test_fail("%s", err.text);
	fd_close(fds[0]);
	fd_close(fds[1]);
	run_until(&t.loop, list_empty(&containerd.loggers));
	test_int(file_slurp_at(AT_FDCWD, path, 100, &text, NULL), 0);
	test_str(text, ",,c d,e,");
	end();
}

/* A container that runs, of containerd's. */
static void begin_with_container(void)
{
	begin_running(false);
	containerd_init(&containerd, &t.shim, "ns", "/nonesuch", -EBADF);
	t.shim.containerd = &containerd;
}

/* An exec whose output goes to that, as soon as it has read a line of the FIFO "go". */
static void exec_with(const char *script)
{
	_cleanup_free_ char *go = path_join(folder, "go");
	_cleanup_free_ char *whole = xasprintf("read x <%s; %s", go, script);
	_cleanup_free_ char *uri = uri_of("binary-v2:///bin/sh?-c=", whole);
	const struct test_peer *stream = &t.guest.peers[t.guest.n];

	test_int(mkfifo(go, 0600), 0);
	go_fd = open(go, O_RDWR | O_CLOEXEC);
	ask_exec_with(t.client, &asked, "e1", uri, "");
	run_until(&t.loop, stream->state == TEST_PEER_GREETED);
	(void)test_turn(&t.loop);
}

static void let_it_go(void)
{
	test_int(fd_write_full(go_fd, "\n", 1), 0);
}

static void end_with_container(void)
{
	_cleanup_free_ char *go = path_join(folder, "go");

	go_fd = fd_close(go_fd);
	test_int(unlink(go), 0);
	end();
}

/* Only whoever reads already loses nothing; all others are served meanwhile. */
static void nothing_is_printed_before_it_is_ready(void)
{
	begin_with_container();
	exec_with("echo >&5; exec 5>&-; cat <&3 >&2; cat <&4 >&2");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_true(!guest_was_asked("Exec"));
	let_it_go();
	guest_execs();
	expect(&asked, TTRPC_OK, "");
	end_with_container();
}

static void one_that_ends_too_soon(void)
{
	begin_with_container();
	exec_with("exit 1");
	let_it_go();
	expect(&asked, TTRPC_UNKNOWN, "/bin/sh ended before it was ready to log");
	run_until(&t.loop, list_empty(&containerd.loggers));
	test_true(!guest_was_asked("Exec"));
	end_with_container();
}

static void one_that_never_gets_ready(void)
{
	begin_with_container();
	t.loop.now = test_clock;
	exec_with("echo >&5");
	(void)test_pass(&t.loop, 11 * NSEC_PER_SEC);
	expect(&asked, TTRPC_DEADLINE_EXCEEDED, "/bin/sh did not get ready to log within 10 s");
	let_it_go();
	run_until(&t.loop, list_empty(&containerd.loggers));
	end_with_container();
}

/* What it is to log is gone before it is ready. */
static void one_that_nobody_needs(void)
{
	begin_with_container();
	exec_with("echo >&5");
	shim_task_lost(&t.shim);
	expect(&asked, TTRPC_UNAVAILABLE, "");
	let_it_go();
	run_until(&t.loop, list_empty(&containerd.loggers));
	end_with_container();
}

/* The VM is not up yet then. */
static void one_that_ends_before_the_boot(void)
{
	_cleanup_free_ char *uri = uri_of("binary-v2:///bin/sh?-c=", "exit 1");
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	begin();
	request.id = (char *)"c1";
	request.stdout_ = uri;
	ask(&asked, "Create", &request.base);
	run_until(&t.loop, t.shim.first.init && list_empty(&containerd.loggers));
	test_shim_boot();
	expect(&asked, TTRPC_UNKNOWN, "/bin/sh ended before it was ready to log");
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

static void a_text_is_no_logger(void)
{
	_cleanup_free_ char *path = path_join(folder, "text"),
			    *uri = xasprintf("binary://%s", path);
	struct process **holder;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	test_int(fd_write_full(fd, "text\n", 5), 0);
	(void)fd_close(fd);
	begin();
	err = (struct err)ERR_NULL;
	test_int(logger_start(&t.shim.first, uri, fds, &holder, &err), -ENOEXEC);
	test_true(strstr(err.text, "/text: exec format error: it is no program"));
	end();
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

	struct process **holder;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		err = (struct err)ERR_NULL;
		test_int(logger_start(&t.shim.first, rows[i].uri, fds, &holder, &err),
			 rows[i].code);
		test_true(*err.text);
	}
	end();
}

int main(void)
{
	test_true(mkdtemp(folder));
	test_run(it_reads_both);
	/* Others may make no namespaces. */
	if (geteuid() == 0)
		test_run(it_has_the_network_of_containerd);
	test_run(arguments_are_what_the_query_says);
	test_run(nothing_is_printed_before_it_is_ready);
	test_run(one_that_ends_too_soon);
	test_run(one_that_never_gets_ready);
	test_run(one_that_nobody_needs);
	test_run(one_that_ends_before_the_boot);
	test_run(it_does_not_outlive_us);
	test_run(a_text_is_no_logger);
	test_run(what_is_no_program_is_named);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
