/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/seal.h"

SEAL_ALLOW(accept4);

/* Edge-triggered: when the system has no descriptor left, the next program tries again. */
static void acceptable(struct loop_io *io, uint32_t revents _unused_)
{
	struct vsockd *d = container_of(io, struct vsockd, listener);

	for (;;) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			conn_handshake(d, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN)
			log_warn("cannot accept a connection: %s", strerror(errno));
		return;
	}
}

int host_listen(struct vsockd *d, int fd)
{
	_cleanup_close_ int owned = fd;
	int r = loop_io_start(d->loop, &d->listener, fd, EPOLLIN | EPOLLET, acceptable);

	if (r == 0)
		owned = -EBADF;
	return r;
}

void host_stop(struct vsockd *d)
{
	int fd = d->listener.fd;

	loop_io_stop(&d->listener);
	fd_close(fd);
}

static int parse_line(char *line, uint32_t *ret_port)
{
	static const char word[] = "CONNECT";
	char *p = line + sizeof(word) - 1, *end;

	if (strncasecmp(line, word, sizeof(word) - 1) != 0 || (*p != ' ' && *p != '\t'))
		return -EPROTO;
	p += strspn(p, " \t");
	end = p + strcspn(p, " \t\r");
	if (end[strspn(end, " \t\r")])
		return -EPROTO;
	*end = '\0';
	return parse_u32(p, 0, UINT32_MAX, ret_port) < 0 ? -EPROTO : 0;
}

SEAL_ALLOW(recvfrom);

int host_read_line(int fd, uint32_t *ret_port)
{
	char line[HOST_LINE_MAX + 1];
	ssize_t n = recv(fd, line, HOST_LINE_MAX, MSG_PEEK | MSG_DONTWAIT);
	char *end;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPROTO;
	end = memchr(line, '\n', (size_t)n);
	if (!end)
		return n == 0 || n == HOST_LINE_MAX ? -EPROTO : -EAGAIN;
	/* Only now take it out of the socket: what comes after it is for the guest. */
	n = end + 1 - line;
	if (recv(fd, line, (size_t)n, MSG_DONTWAIT) != n)
		return -EPROTO;
	*end = '\0';
	return strlen(line) == (size_t)(end - line) ? parse_line(line, ret_port) : -EPROTO;
}

int host_say_ok(int fd, uint32_t host_port)
{
	char line[HOST_LINE_MAX];
	const struct iovec iov = {
		.iov_base = line,
		.iov_len = (size_t)snprintf(line, sizeof(line), "OK %u\n", host_port),
	};
	ssize_t n = sock_write(fd, &iov, 1);

	if (n < 0)
		return (int)n;
	return (size_t)n == iov.iov_len ? 0 : -ENOBUFS;
}

SEAL_ALLOW_ARG(socket, 0, ~0u, AF_UNIX);
SEAL_ALLOW(connect);

int host_dial(const struct vsockd *d, uint32_t port)
{
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s_%u", d->config.dial_base, port);

	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return take_fd(fd);
}
