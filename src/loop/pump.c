/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void pump_init(struct pump *p)
{
	memset(p, 0, sizeof(*p));
	p->in.fd = p->out.fd = -EBADF;
	loop_defer_init(&p->defer);
}

void pump_stop(struct pump *p)
{
	loop_io_stop(&p->in);
	loop_io_stop(&p->out);
	loop_defer_stop(&p->defer);
	p->loop = NULL;
}

static void finish(struct pump *p, int error)
{
	pump_stop(p);
	p->done(p, error);
}

static bool would_block(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* Return: 0 to go on, 1 at the end of file, or negative errno. */
static int fill(struct pump *p)
{
	ssize_t n;

	if (p->eof || p->end == p->size)
		return 0;
	n = read(p->in_fd, p->buf + p->end, p->size - p->end);
	/* The last process of a terminal has gone: that is its end of file (pty(7)). */
	if (n == 0 || (n < 0 && errno == EIO)) {
		p->eof = true;
		return 1;
	}
	if (n < 0)
		return would_block(errno) ? 0 : -errno;
	if (p->tap)
		p->tap(p, p->buf + p->end, (size_t)n);
	p->end += (size_t)n;
	return 0;
}

static ssize_t write_out(struct pump *p)
{
	size_t len = MIN(p->end - p->begin, p->write_max);

	if (p->out_socket)
		return send(p->out_fd, p->buf + p->begin, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(p->out_fd, p->buf + p->begin, len);
}

/* Return: 0 or negative errno. */
static int drain(struct pump *p)
{
	ssize_t n;

	if (p->begin == p->end)
		return 0;
	n = write_out(p);
	if (n < 0)
		return would_block(errno) ? 0 : -errno;
	p->begin += (size_t)n;
	if (p->begin == p->end)
		p->begin = p->end = 0;
	return 0;
}

static void step_deferred(struct loop_defer *defer);

/* Waits for what is needed next. A side that cannot be waited for is always ready. */
static void arm(struct pump *p)
{
	bool want_in = !p->eof && p->end < p->size, want_out = p->begin < p->end;

	if (loop_io_active(&p->in))
		(void)loop_io_set(&p->in, want_in ? EPOLLIN : 0);
	if (loop_io_active(&p->out))
		(void)loop_io_set(&p->out, want_out ? EPOLLOUT : 0);
	if ((want_in && !p->eof && !loop_io_active(&p->in)) ||
	    (want_out && !loop_io_active(&p->out)))
		loop_defer_start(p->loop, &p->defer, step_deferred);
}

static void step(struct pump *p, bool can_read, bool can_write)
{
	int r = can_read ? fill(p) : 0;

	if (r >= 0 && (can_write || p->out_nowait))
		r = drain(p);
	if (r < 0) {
		finish(p, r);
		return;
	}
	if (p->eof) {
		/* A descriptor at its end stays readable for ever. */
		loop_io_stop(&p->in);
		if (p->begin == p->end) {
			finish(p, 0);
			return;
		}
	}
	arm(p);
}

static void step_deferred(struct loop_defer *defer)
{
	struct pump *p = container_of(defer, struct pump, defer);

	step(p, !loop_io_active(&p->in), !loop_io_active(&p->out));
}

static void in_ready(struct loop_io *io, uint32_t revents _unused_)
{
	struct pump *p = container_of(io, struct pump, in);

	if (p->end == p->size) {
		/* No room, and the other end has hung up: nothing to learn until there is room. */
		loop_io_stop(io);
		return;
	}
	step(p, true, false);
}

static void out_ready(struct loop_io *io, uint32_t revents)
{
	struct pump *p = container_of(io, struct pump, out);

	if (revents & (EPOLLERR | EPOLLHUP))
		finish(p, -EPIPE);
	else
		step(p, false, true);
}

/*
 * poll(2) promises that PIPE_BUF bytes will go into a pipe that is ready, and nothing more: a
 * longer write to a blocking one may wait for its reader, and the whole loop with it.
 */
static void inspect_out(struct pump *p)
{
	int flags = fcntl(p->out_fd, F_GETFL);
	struct stat st = {0};

	p->out_socket = fstat(p->out_fd, &st) == 0 && S_ISSOCK(st.st_mode);
	p->out_nowait = p->out_socket || S_ISREG(st.st_mode) || (flags >= 0 && flags & O_NONBLOCK);
	p->write_max = p->out_nowait ? SIZE_MAX : PIPE_BUF;
}

static int watch_out(struct pump *p)
{
	int r;

	inspect_out(p);
	r = loop_io_start(p->loop, &p->out, p->out_fd, 0, out_ready);
	return r == -EPERM ? 0 : r;
}

void pump_set_out(struct pump *p, int fd)
{
	loop_io_stop(&p->out);
	p->out_fd = fd;
	/* What cannot be waited for is always ready: arm(). */
	(void)watch_out(p);
	arm(p);
}

int pump_start(struct pump *p, struct loop *loop, int in_fd, int out_fd, char *buf, size_t size)
{
	int r;

	p->loop = loop;
	p->in_fd = in_fd;
	p->out_fd = out_fd;
	p->buf = buf;
	p->size = size;
	p->begin = p->end = 0;
	p->eof = false;
	r = loop_io_start(loop, &p->in, in_fd, EPOLLIN, in_ready);
	if (r == 0 || r == -EPERM)
		r = watch_out(p);
	if (r < 0)
		pump_stop(p);
	else
		arm(p);
	return r;
}
