/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/unix.h"
#include "cmd/cmd.h"
#include "cmd/global.h"
#include "cmd/metrics-serve.h"

struct metrics_options {
	const char *listen;
};

static const struct opt options[] = {
	OPT(metrics_options, 0, "listen", OPT_STRING, listen, "ADDRESS",
	    "serve them at unix:PATH, 127.0.0.1:PORT or [::1]:PORT"),
	{.kind = OPT_END},
};

static void print_once(void *userdata, char *text, size_t len)
{
	struct loop *loop = userdata;
	bool written = fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0;

	free(text);
	loop_quit(loop, written ? 0 : -EIO);
}

static int scrape_once(struct loop *loop, const struct metrics_roots *roots, struct err *err)
{
	int r;

	(void)metrics_scrape(loop, roots, print_once, loop);
	r = loop_run(loop);
	return r < 0 ? err_errno(err, r, "cannot print the figures") : 0;
}

static void signalled(struct loop_signal *source, int signo _unused_)
{
	loop_quit(source->io.loop, 0);
}

static int obey_signals(struct loop *loop, struct loop_signal *signals)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return loop_signal_start(loop, signals, &set, signalled);
}

/* Who waits for that line can connect. */
static void say_where(int fd, const char *path)
{
	_cleanup_free_ char *name = metrics_listen_name(fd, path);

	printf("listening on %s\n", name);
	(void)fflush(stdout);
}

static int serve(struct loop *loop, const struct metrics_roots *roots, const char *address,
		 struct err *err)
{
	struct loop_signal signals = {.io = LOOP_IO_NULL};
	struct metrics_server server;
	_cleanup_close_ int fd = -EBADF;
	const char *path;
	int r;

	fd = metrics_listen(address, &path, err);
	if (fd < 0)
		return fd;
	r = obey_signals(loop, &signals);
	if (r == 0)
		r = metrics_serve_start(&server, loop, fd, roots);
	if (r == 0) {
		say_where(fd, path);
		r = loop_run(loop);
		metrics_serve_stop(&server);
	}
	loop_signal_stop(&signals);
	fd = fd_close(fd);
	if (path)
		unix_leave(path);
	return r < 0 ? err_errno(err, r, "cannot serve") : 0;
}

static int metrics_main(const struct command *self, int argc, char **argv)
{
	struct metrics_options how = {.listen = NULL};
	struct paths paths = PATHS_NULL;
	struct metrics_roots roots = {.own = &paths, .containerd = !global_has_root()};
	struct loop loop = {.epoll_fd = -EBADF};
	struct err err = ERR_NULL;
	int r = opts_parse(self, argc, argv, &how, &err);

	if (r >= 0)
		r = opts_check_words(self, argv + r, 0, 0, "", &err);
	if (r >= 0)
		r = paths_find(&paths, &err);
	if (r >= 0) {
		r = loop_init(&loop);
		if (r < 0)
			r = err_errno(&err, r, "cannot make an event loop");
	}
	if (r >= 0)
		r = how.listen ? serve(&loop, &roots, how.listen, &err)
			       : scrape_once(&loop, &roots, &err);
	loop_deinit(&loop);
	paths_done(&paths);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_metrics = {
	.name = "metrics",
	.usage = "[--listen ADDRESS]",
	.summary = "Show figures of all VMs that run, for Prometheus.",
	.details =
		"Once, on stdout; or with --listen whenever somebody asks for /metrics, until a\n"
		"signal. docs/metrics.md says what each of them is.\n",
	.opts = options,
	.failure = 1,
	.run = metrics_main,
};
