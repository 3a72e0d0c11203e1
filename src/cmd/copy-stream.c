/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/copy-stream.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define BUFFER_SIZE (256u << 10)

static void moved(struct loop_io *io, uint32_t revents _unused_)
{
	loop_quit(io->loop, 0);
}

/* Return: 0: it can be read from or written to, once; 1: always, as it is a file; or negative errno. */
static int await(struct copy_stream *s, int fd, uint32_t events)
{
	struct loop_io io = LOOP_IO_NULL;
	int r = loop_io_start(&s->transfer->client->loop, &io, fd, events, moved);

	if (r == -EPERM)
		return 1;
	if (r < 0)
		return r;
	(void)loop_run(&s->transfer->client->loop);
	loop_io_stop(&io);
	return 0;
}

static void count(struct copy_stream *s, ssize_t n)
{
	if (n <= 0)
		return;
	s->passed += (uint64_t)n;
	progress_bar_passed(s->passed, UINT64_MAX, s->bar);
}

int copy_stream_put(void *stream, const void *data, size_t len)
{
	struct copy_stream *s = stream;

	while (len > 0) {
		ssize_t n = send(s->transfer->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		/* It comes once only: whoever waits after it waits for ever. */
		if (n < 0 && s->transfer->answered)
			return -EPIPE;
		if (n < 0) {
			int r = await(s, s->transfer->fd, EPOLLOUT);

			if (r < 0)
				return r;
			continue;
		}
		count(s, n);
		data = (const char *)data + n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t copy_stream_get(void *stream, void *buf, size_t len)
{
	struct copy_stream *s = stream;
	ssize_t n;
	int r;

	while ((n = recv(s->transfer->fd, buf, len, MSG_DONTWAIT)) < 0 &&
	       (errno == EAGAIN || errno == EINTR)) {
		/* Whoever refused it may leave the stream open. */
		if (s->transfer->failure.code < 0)
			return -ECONNRESET;
		r = await(s, s->transfer->fd, EPOLLIN);
		if (r < 0)
			return r;
	}
	count(s, n);
	return n < 0 ? -errno : n;
}

int copy_stream_await(struct copy_stream *s, int fd)
{
	int r = s->transfer->answered ? 0 : await(s, fd, EPOLLIN);

	if (r < 0)
		return r;
	/* It was not for @fd that the loop was left, or nobody wants it any more. */
	return s->transfer->answered ? -EPIPE : 0;
}

/* Of a pipe that can be written to at all, this much can be written without waiting. */
static int write_all(struct copy_stream *s, int fd, const char *buf, size_t len)
{
	while (len > 0) {
		int r = await(s, fd, EPOLLOUT);
		ssize_t n;

		if (r < 0)
			return r;
		n = write(fd, buf, r == 1 ? len : MIN(len, (size_t)PIPE_BUF));
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

int copy_stream_out(struct copy_stream *s, int fd)
{
	_cleanup_free_ char *buf = xmalloc(BUFFER_SIZE);
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = copy_stream_get(s, buf, BUFFER_SIZE)) != 0)
		r = n < 0 ? (int)n : write_all(s, fd, buf, (size_t)n);
	return r;
}
