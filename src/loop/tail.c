/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

/* More than a pipe holds (pipe(7)) comes from somebody who prints all the time. */
#define DRAIN_READS 256
#define READ_MAX    4096

static void append(struct tail *t, const char *data, size_t n)
{
	size_t drop;

	if (n > sizeof(t->text)) {
		data += n - sizeof(t->text);
		n = sizeof(t->text);
	}
	drop = t->len + n > sizeof(t->text) ? t->len + n - sizeof(t->text) : 0;
	memmove(t->text, t->text + drop, t->len - drop);
	t->len -= drop;
	memcpy(t->text + t->len, data, n);
	t->len += n;
}

static void copy_printable(const char *from, size_t len, char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < size - 1; i++) {
		unsigned char c = (unsigned char)from[i];

		if (c != '\r')
			buf[n++] =
				c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f) ? (char)c : '?';
	}
	buf[n] = '\0';
}

static void copy(struct tail *t, const char *data, size_t n)
{
	char text[READ_MAX + 1];

	if (t->copy_fd < 0)
		return;
	copy_printable(data, MIN(n, TAIL_COPIED_MAX - t->copied), text, sizeof(text));
	t->copied += MIN(n, TAIL_COPIED_MAX - t->copied);
	if (fd_write_full(t->copy_fd, text, strlen(text)) < 0 || t->copied == TAIL_COPIED_MAX)
		t->copy_fd = fd_close(t->copy_fd);
}

/* True while more may come. */
static bool read_some(struct tail *t)
{
	char buf[READ_MAX];
	ssize_t n = read(t->read_fd, buf, sizeof(buf));

	if (n > 0) {
		append(t, buf, (size_t)n);
		copy(t, buf, (size_t)n);
	}
	return n > 0 || (n < 0 && errno == EINTR);
}

static void readable(struct loop_io *io, uint32_t revents)
{
	struct tail *t = container_of(io, struct tail, io);

	if (!read_some(t) && revents & EPOLLHUP)
		tail_stop(t);
}

int tail_of(struct tail *tail, struct loop *loop, int read_fd, int copy_fd)
{
	int r;

	tail->read_fd = read_fd;
	tail->copy_fd = copy_fd;
	tail->copied = 0;
	tail->len = 0;
	r = loop_io_start(loop, &tail->io, read_fd, EPOLLIN, readable);
	if (r < 0)
		tail_stop(tail);
	return r;
}

int tail_start(struct tail *tail, struct loop *loop, int *ret_write_fd)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	/* Only our end: a VMM that blocks on a full console is slow; with EAGAIN it loses text. */
	r = fd_nonblock(fds[0], true);
	if (r < 0)
		fd_close(fds[0]);
	else
		r = tail_of(tail, loop, fds[0], -EBADF);
	if (r < 0) {
		fd_close(fds[1]);
		return r;
	}
	*ret_write_fd = fds[1];
	return 0;
}

void tail_copy(struct tail *tail, int fd)
{
	tail->copy_fd = fd;
}

void tail_drain(struct tail *tail)
{
	for (int i = 0; i < DRAIN_READS && tail->read_fd >= 0; i++)
		if (!read_some(tail))
			break;
}

void tail_stop(struct tail *tail)
{
	loop_io_stop(&tail->io);
	tail->read_fd = fd_close(tail->read_fd);
	tail->copy_fd = fd_close(tail->copy_fd);
}

/* Where the last @lines lines begin. */
static size_t lines_start(const char *text, size_t len, size_t lines)
{
	size_t at = len;

	while (at > 0 && (text[at - 1] != '\n' || lines-- > 1))
		at--;
	return at;
}

void tail_lines(const struct tail *tail, size_t lines, char *buf, size_t size)
{
	size_t len = tail->len, at;

	while (len > 0 && strchr("\r\n", tail->text[len - 1]))
		len--;
	at = lines_start(tail->text, len, lines);
	while (len - at >= size) {
		const char *nl = memchr(tail->text + at, '\n', len - at);

		if (!nl) {
			at = len - size + 1;
			break;
		}
		at = (size_t)(nl - tail->text) + 1;
	}
	copy_printable(tail->text + at, len - at, buf, size);
}

/* A program started by its path may put that in front, or only its last part. */
static const char *after_path(const char *line, size_t len, const char *name)
{
	const char *colon = memchr(line, ':', len), *at = colon;
	size_t n = strlen(name);

	while (at && at > line && at[-1] != '/')
		at--;
	return at && (size_t)(colon - at) == n && memcmp(at, name, n) == 0 ? at : NULL;
}

void tail_message(const struct tail *tail, const char *program, char *buf, size_t size)
{
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;
	const char *line = tail->text, *end = line + tail->len, *next, *found;
	bool named = false;

	buf[0] = '\0';
	for (; line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (!next)
			next = end;
		found = after_path(line, (size_t)(next - line), name);
		named |= found != NULL;
		if (found)
			line = found;
		if (found || (!named && !buf[0]))
			copy_printable(line, (size_t)(next - line), buf, size);
	}
}
