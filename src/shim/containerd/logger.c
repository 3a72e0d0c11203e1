/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/strv.h"
#include "shim/containerd/containerd.h"
#include "shim/containerd/uri.h"

#define BINARY	       "binary://"
#define BINARY_V2      "binary-v2://" /* that has to write a byte before it closes the descriptor */
#define READY_PATIENCE (10 * NSEC_PER_SEC)

enum {
	LOGGER_OUT,
	LOGGER_ERR,
	LOGGER_READY,
	LOGGER_PIPES,
};

/* struct pipes - their ends here, and those of the logger */
struct pipes {
	int ours[LOGGER_PIPES], theirs[LOGGER_PIPES];
};

bool logger_is_named(const char *uri)
{
	return str_starts(uri, BINARY) || str_starts(uri, BINARY_V2);
}

static int add_word(struct strv *words, const char *text, size_t len, bool query)
{
	char *word = uri_decode(text, len, query);

	if (!word)
		return -EINVAL;
	strv_take(words, word);
	return 0;
}

static int parse_query(const char *query, struct strv *ret)
{
	int r = 0;

	while (r == 0 && *query) {
		size_t len = strcspn(query, "&"), key = strcspn(query, "=&");

		if (len > 0)
			r = add_word(ret, query, key, true);
		if (r == 0 && key < len)
			r = add_word(ret, query + key + 1, len - key - 1, true);
		query += len + (query[len] == '&');
	}
	return r;
}

/* @ret: the program and its arguments */
static int parse(const char *uri, struct strv *ret, bool *must_write, struct err *err)
{
	const char *path = str_starts(uri, BINARY);
	size_t len;
	int r;

	*must_write = !path;
	if (!path)
		path = str_starts(uri, BINARY_V2);
	len = strcspn(path, "?");
	r = *path == '/' ? add_word(ret, path, len, false) : -EINVAL;
	if (r == 0 && path[len])
		r = parse_query(path + len + 1, ret);
	return r < 0 ? err_set(err, r, "%.256s is no URI of a program by its absolute path", uri)
		     : 0;
}

static void pipes_done(struct pipes *p)
{
	for (int i = 0; i < LOGGER_PIPES; i++) {
		p->ours[i] = fd_close(p->ours[i]);
		p->theirs[i] = fd_close(p->theirs[i]);
	}
}

static int pipes_make(struct pipes *p, struct err *err)
{
	int fds[2];

	for (int i = 0; i < LOGGER_PIPES; i++)
		p->ours[i] = p->theirs[i] = -EBADF;
	for (int i = 0; i < LOGGER_PIPES; i++) {
		if (pipe2(fds, O_CLOEXEC) < 0) {
			(void)err_errno(err, -errno, "cannot make a pipe");
			pipes_done(p);
			return err->code;
		}
		p->ours[i] = fds[i != LOGGER_READY];
		p->theirs[i] = fds[i == LOGGER_READY];
	}
	return 0;
}

static void release(struct logger *l)
{
	int fd = l->ready.fd;

	process_release(&l->process, NULL);
	loop_timer_stop(&l->patience);
	loop_io_stop(&l->ready);
	fd_close(fd);
	loop_io_stop(&l->ended);
	proc_done(&l->proc);
	list_del(&l->link);
	free(l->name);
	free(l);
}

static void forget_if_over(struct logger *l)
{
	struct shim *shim = l->shim;

	if (loop_io_active(&l->ready) || loop_io_active(&l->ended))
		return;
	release(l);
	shim_quit_when_told(shim);
}

static void ended(struct loop_io *io, uint32_t revents _unused_)
{
	struct logger *l = container_of(io, struct logger, ended);

	loop_io_stop(io);
	(void)proc_wait(&l->proc);
	forget_if_over(l);
}

/* @err: why it does not take the output; NULL: it does */
static void settle(struct logger *l, const struct err *err)
{
	int fd = l->ready.fd;

	loop_timer_stop(&l->patience);
	loop_io_stop(&l->ready);
	fd_close(fd);
	process_release(&l->process, err);
	if (err)
		proc_kill(&l->proc, SIGKILL);
	forget_if_over(l);
}

static void ready(struct loop_io *io, uint32_t revents _unused_)
{
	struct logger *l = container_of(io, struct logger, ready);
	struct err err = ERR_NULL;
	char byte;
	ssize_t n = read(io->fd, &byte, 1);

	if (n < 0 || (n == 0 && l->must_write))
		(void)err_set(&err, -EIO, "%s ended before it was ready to log", l->name);
	settle(l, err.code ? &err : NULL);
}

static void too_late(struct loop_timer *timer)
{
	struct logger *l = container_of(timer, struct logger, patience);
	struct err err = ERR_NULL;

	(void)err_set(&err, -ETIMEDOUT, "%s did not get ready to log within %d s", l->name,
		      (int)(READY_PATIENCE / NSEC_PER_SEC));
	settle(l, &err);
}

/* Where it can tell others what it has logged, as programs of containerd's can: the shim is where the container is. */
static int leave_netns(void *data, struct err *err)
{
	const struct containerd *c = data;

	if (c->netns >= 0 && setns(c->netns, CLONE_NEWNET) < 0)
		return err_errno(err, -errno, "cannot enter containerd's network namespace");
	return 0;
}

static int start(const struct container *c, const struct strv *words, const struct pipes *pipes,
		 struct proc *ret, struct err *err)
{
	_cleanup_strv_ struct strv env = STRV_NULL;
	const struct shim *shim = c->sandbox->userdata;
	struct proc_spec spec = PROC_SPEC_NULL;
	int r;

	for (char **variable = environ; *variable; variable++)
		strv_add(&env, *variable);
	strv_addf(&env, "CONTAINER_ID=%s", c->spec->id);
	strv_addf(&env, "CONTAINER_NAMESPACE=%s", shim->containerd->namespace);
	spec.argv = (const char *const *)words->v;
	spec.env = env.v;
	spec.fds = pipes->theirs;
	spec.n_fds = LOGGER_PIPES;
	spec.death_signal = SIGKILL;
	spec.prepare = leave_netns;
	spec.prepare_data = shim->containerd;
	spec.prepare_err = err;
	r = proc_start(&spec, ret);
	if (r == 0 || err->code)
		return r;
	if (r == -ENOEXEC)
		return err_set(err, r,
			       "cannot start %s: exec format error: it is no program of this "
			       "machine's, nor a script that begins with #!",
			       words->v[0]);
	return err_errno(err, r, "cannot start %s", words->v[0]);
}

static int watch(struct logger *l, struct loop *loop, int ready_fd, struct err *err)
{
	int r = loop_io_start(loop, &l->ended, l->proc.pidfd, EPOLLIN, ended);

	if (r == 0)
		r = loop_io_start(loop, &l->ready, ready_fd, EPOLLIN, ready);
	if (r < 0)
		return err_errno(err, r, "cannot watch %s", l->name);
	loop_timer_start(loop, &l->patience, loop_now(loop) + READY_PATIENCE, too_late);
	return 0;
}

/* Return: NULL: with a message */
static struct logger *begin(const struct container *c, const struct strv *words,
			    struct pipes *pipes, struct err *err)
{
	struct shim *shim = c->sandbox->userdata;
	struct logger *l = xcalloc(1, sizeof(*l));
	int r;

	*l = (struct logger){.proc = PROC_NULL,
			     .ended = LOOP_IO_NULL,
			     .ready = LOOP_IO_NULL,
			     .shim = shim,
			     .name = xstrdup(words->v[0])};
	loop_timer_init(&l->patience);
	list_append(&shim->containerd->loggers, &l->link);
	r = start(c, words, pipes, &l->proc, err);
	if (r == 0)
		r = watch(l, shim->loop, pipes->ours[LOGGER_READY], err);
	if (r == 0) {
		(void)take_fd(pipes->ours[LOGGER_READY]);
		return l;
	}
	release(l);
	return NULL;
}

int logger_start(const struct container *c, const char *uri, int ret[2],
		 struct process ***ret_holder, struct err *err)
{
	_cleanup_strv_ struct strv words = STRV_NULL;
	struct logger *l = NULL;
	struct pipes pipes;
	bool must_write;
	int r = parse(uri, &words, &must_write, err);

	if (r == 0)
		r = pipes_make(&pipes, err);
	if (r < 0)
		return r;
	l = begin(c, &words, &pipes, err);
	if (l) {
		l->must_write = must_write;
		*ret_holder = &l->process;
		ret[0] = take_fd(pipes.ours[LOGGER_OUT]);
		ret[1] = take_fd(pipes.ours[LOGGER_ERR]);
	}
	pipes_done(&pipes);
	return l ? 0 : err->code;
}

void loggers_end(struct list *loggers)
{
	list_for_each_safe (it, loggers)
		release(container_of(it, struct logger, link));
}
