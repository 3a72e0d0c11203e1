/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

static void append(struct console *c, const char *data, size_t n)
{
	size_t drop;

	if (n > sizeof(c->text)) {
		data += n - sizeof(c->text);
		n = sizeof(c->text);
	}
	drop = c->len + n > sizeof(c->text) ? c->len + n - sizeof(c->text) : 0;
	memmove(c->text, c->text + drop, c->len - drop);
	c->len -= drop;
	memcpy(c->text + c->len, data, n);
	c->len += n;
}

/* True while more may come. */
static bool read_some(struct console *c)
{
	char buf[4096];
	ssize_t n = read(c->read_fd, buf, sizeof(buf));

	if (n > 0)
		append(c, buf, (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

static void readable(struct loop_io *io, uint32_t revents)
{
	struct console *c = container_of(io, struct console, io);

	if (!read_some(c) && revents & EPOLLHUP)
		console_stop(c);
}

int console_start(struct console *console, struct loop *loop, int *ret_write_fd)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	console->read_fd = fds[0];
	console->len = 0;
	/* Only our end: a VMM that blocks on a full console is slow, one that gets EAGAIN loses
	 * text. */
	r = fd_nonblock(fds[0], true);
	if (r == 0)
		r = loop_io_start(loop, &console->io, fds[0], EPOLLIN, readable);
	if (r < 0) {
		console_stop(console);
		fd_close(fds[1]);
		return r;
	}
	*ret_write_fd = fds[1];
	return 0;
}

void console_drain(struct console *console)
{
	while (console->read_fd >= 0 && read_some(console))
		;
}

void console_stop(struct console *console)
{
	loop_io_stop(&console->io);
	console->read_fd = fd_close(console->read_fd);
}

/* Where the last @lines lines begin. */
static size_t tail_start(const char *text, size_t len, size_t lines)
{
	size_t at = len;

	while (at > 0 && (text[at - 1] != '\n' || lines-- > 1))
		at--;
	return at;
}

void console_tail(const struct console *console, size_t lines, char *buf, size_t size)
{
	size_t len = console->len, at, n = 0;

	while (len > 0 && strchr("\r\n", console->text[len - 1]))
		len--;
	at = tail_start(console->text, len, lines);
	while (len - at >= size) {
		const char *nl = memchr(console->text + at, '\n', len - at);

		if (!nl) {
			at = len - size + 1;
			break;
		}
		at = (size_t)(nl - console->text) + 1;
	}
	for (; at < len; at++) {
		unsigned char c = (unsigned char)console->text[at];

		/* Console text is the guest's: no escape sequence of it may reach a terminal. */
		if (c == '\r')
			continue;
		buf[n++] = c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f) ? (char)c : '?';
	}
	buf[n] = '\0';
}
