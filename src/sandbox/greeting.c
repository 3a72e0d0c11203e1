/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/greeting.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "ttrpc/text.h"

void greeting_stop(struct greeting *g)
{
	dial_stop(&g->dial);
	loop_io_stop(&g->io);
	g->fd = fd_close(g->fd);
}

static void end(struct greeting *g, int error)
{
	int fd = error < 0 ? error : take_fd(g->fd);

	greeting_stop(g);
	g->done(g, fd);
}

/* Return: bytes of the answer that are still missing; negative: it is none. Never one too many. */
static int missing(const struct greeting *g)
{
	uint32_t len;

	if (g->answer_len < sizeof(len))
		return (int)(sizeof(len) - g->answer_len);
	memcpy(&len, g->answer, sizeof(len));
	len = ntohl(len);
	return len > ABI_STREAM_ID_MAX ? -EPROTO : (int)(sizeof(len) + len - g->answer_len);
}

static void answered(struct greeting *g)
{
	char *text = (char *)g->answer + sizeof(uint32_t);
	size_t len = g->answer_len - sizeof(uint32_t);

	loop_io_stop(&g->io);
	if (g->answer_len == g->hello_len && memcmp(g->answer, g->hello, g->hello_len) == 0) {
		end(g, 0);
		return;
	}
	ttrpc_text_line(text, len);
	text[len] = '\0';
	g->refusal = len > 0 ? text : NULL;
	end(g, -EPROTO);
}

static void readable(struct loop_io *io, uint32_t revents _unused_)
{
	struct greeting *g = container_of(io, struct greeting, io);
	int want = missing(g);
	ssize_t n;

	while (want > 0) {
		n = read(g->fd, g->answer + g->answer_len, (size_t)want);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			end(g, n < 0 ? -errno : -EPROTO);
			return;
		}
		g->answer_len += (size_t)n;
		want = missing(g);
	}
	if (want < 0)
		end(g, want);
	else
		answered(g);
}

static void dialled(struct dial *dial, int fd)
{
	struct greeting *g = container_of(dial, struct greeting, dial);
	uint32_t len = htonl((uint32_t)strlen(g->id));
	ssize_t n;

	if (fd < 0) {
		end(g, fd);
		return;
	}
	g->fd = fd;
	memcpy(g->hello, &len, sizeof(len));
	memcpy(g->hello + sizeof(len), g->id, strlen(g->id));
	g->hello_len = sizeof(len) + strlen(g->id);
	n = send(fd, g->hello, g->hello_len, MSG_NOSIGNAL);
	/* A guest that has no room says so before it is asked, and leaves. */
	if (n < 0 && errno == EPIPE)
		n = (ssize_t)g->hello_len;
	if (n != (ssize_t)g->hello_len || loop_io_start(g->loop, &g->io, fd, EPOLLIN, readable) < 0)
		end(g, n < 0 ? -errno : -EPROTO);
}

int greeting_start(struct greeting *g, struct loop *loop, const struct guest_address *address,
		   void (*done)(struct greeting *greeting, int fd))
{
	g->loop = loop;
	g->done = done;
	g->answer_len = 0;
	g->refusal = NULL;
	return dial_start(&g->dial, loop, address, ABI_PORT_STREAMS, dialled);
}

void greeting_uri(const struct greeting *g, char *buf, size_t size)
{
	(void)snprintf(buf, size, ABI_STREAM_SCHEME "%s", g->id);
}
