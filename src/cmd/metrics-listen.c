/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/unix.h"
#include "cmd/metrics-serve.h"

/* Where metrics are served: on this machine only, since nobody is asked who he is. */

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Return: its length; 0: it is none of the two. */
static socklen_t parse_address(const char *text, union address *ret)
{
	const char *port;
	uint32_t n;

	*ret = (union address){.in6 = {.sin6_family = AF_INET6}};
	port = str_starts(text, "[::1]:");
	if (port && parse_u32(port, 0, UINT16_MAX, &n) == 0) {
		ret->in6.sin6_addr = in6addr_loopback;
		ret->in6.sin6_port = htons((uint16_t)n);
		return sizeof(ret->in6);
	}
	port = str_starts(text, "127.0.0.1:");
	if (port && parse_u32(port, 0, UINT16_MAX, &n) == 0) {
		ret->in = (struct sockaddr_in){.sin_family = AF_INET,
					       .sin_port = htons((uint16_t)n),
					       .sin_addr = {htonl(INADDR_LOOPBACK)}};
		return sizeof(ret->in);
	}
	return 0;
}

static int listen_at(const union address *address, socklen_t len)
{
	_cleanup_close_ int fd =
		socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	/* Connections of before, which are still dying away, are in nobody's way. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, &address->any, len) < 0 || listen(fd, METRICS_CLIENTS_MAX) < 0)
		return -errno;
	return take_fd(fd);
}

int metrics_listen(const char *address, const char **ret_path, struct err *err)
{
	union address parsed;
	socklen_t len;
	int fd;

	*ret_path = str_starts(address, "unix:");
	if (*ret_path && !**ret_path)
		return err_set(err, -EINVAL, "--listen %s: which path?", address);
	len = *ret_path ? 0 : parse_address(address, &parsed);
	if (!*ret_path && len == 0)
		return err_set(err, -EINVAL,
			       "--listen %s: must be unix:PATH, 127.0.0.1:PORT or [::1]:PORT: "
			       "figures are not "
			       "served beyond this machine, as nobody is asked who he is",
			       address);
	fd = *ret_path ? unix_listen_alone(*ret_path) : listen_at(&parsed, len);
	if (fd == -EEXIST)
		return err_set(err, fd, "cannot listen on %s: what is there is no socket", address);
	return fd < 0 ? err_errno(err, fd, "cannot listen on %s", address) : fd;
}

char *metrics_listen_name(int fd, const char *path)
{
	union address address = {.any = {.sa_family = AF_UNSPEC}};
	socklen_t len = sizeof(address);

	if (path)
		return xasprintf("unix:%s", path);
	(void)getsockname(fd, &address.any, &len);
	return address.any.sa_family == AF_INET6
		       ? xasprintf("[::1]:%u", ntohs(address.in6.sin6_port))
		       : xasprintf("127.0.0.1:%u", ntohs(address.in.sin_port));
}
