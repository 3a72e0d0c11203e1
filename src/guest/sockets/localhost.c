/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/sockets/localhost.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/parse.h"
#include "loop/passage.h"

static struct localhost {
	bool busy;
	struct passage passage;
} passing[ABI_STREAM_TCPS];

static struct localhost *free_place(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (!passing[i].busy)
			return &passing[i];
	return NULL;
}

/* Return: a descriptor that is connected, or about to be; or negative errno. */
static int begin(int family, uint16_t port)
{
	_cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr_in four = {.sin_family = AF_INET,
					 .sin_port = htons(port),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 six = {.sin6_family = AF_INET6,
					 .sin6_port = htons(port),
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT};

	if (fd < 0 || (connect(fd, family == AF_INET ? (const void *)&four : &six,
			       family == AF_INET ? sizeof(four) : sizeof(six)) < 0 &&
		       errno != EINPROGRESS))
		return -errno;
	return take_fd(fd);
}

int localhost_dial(struct vsock_dial *dial, struct loop *loop, const char *id,
		   void (*done)(struct vsock_dial *dial, int fd))
{
	const char *four = str_starts(id, ABI_STREAM_TCP4), *six = str_starts(id, ABI_STREAM_TCP6);
	uint32_t port;
	int fd;

	if (!four && !six)
		return -ENOENT;
	if (parse_u32(four ? four : six, 1, UINT16_MAX, &port) < 0)
		return -EINVAL;
	if (!free_place())
		return -EBUSY;
	fd = begin(four ? AF_INET : AF_INET6, (uint16_t)port);
	return fd < 0 ? fd : vsock_dial_await(dial, loop, fd, done);
}

static void passed(struct passage *passage)
{
	container_of(passage, struct localhost, passage)->busy = false;
}

int localhost_start(struct loop *loop, int a, int b)
{
	struct localhost *f = free_place();
	int r;

	if (!f) {
		fd_close(a);
		fd_close(b);
		return -EBUSY;
	}
	passage_init(&f->passage);
	f->passage.done = passed;
	r = passage_start(&f->passage, loop, a, b);
	f->busy = r == 0;
	return r;
}
