/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/sockets/door.h"

#include <sys/socket.h>

#include "base/fd.h"
#include "guest/vsock.h"
#include "loop/passage.h"

/* @fd: the container's end, until the host has answered; then it is the passage's */
struct visitor {
	bool busy;
	int fd;
	struct vsock_dial dial;
	struct passage passage;
};

static struct list doors = LIST_NULL(doors);
static struct visitor visitors[DOOR_CONNS_MAX];

static void wait_at_doors(uint32_t events)
{
	list_for_each (it, &doors)
		(void)loop_io_set(&container_of(it, struct door, link)->io, events);
}

static void leave(struct visitor *v)
{
	v->fd = fd_close(v->fd);
	v->busy = false;
	wait_at_doors(EPOLLIN);
}

static void passed(struct passage *passage)
{
	leave(container_of(passage, struct visitor, passage));
}

static void dialled(struct vsock_dial *dial, int host)
{
	struct visitor *v = container_of(dial, struct visitor, dial);
	struct loop *loop = v->passage.userdata;

	if (host < 0 || passage_start(&v->passage, loop, take_fd(v->fd), host) < 0)
		leave(v);
}

static struct visitor *free_place(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(visitors); i++)
		if (!visitors[i].busy)
			return &visitors[i];
	return NULL;
}

static void knocked(struct loop_io *io, uint32_t revents _unused_)
{
	const struct door *door = container_of(io, struct door, io);
	struct visitor *v = free_place();

	if (!v) {
		wait_at_doors(0);
		return;
	}
	v->fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (v->fd < 0)
		return;
	v->busy = true;
	v->dial = (struct vsock_dial)VSOCK_DIAL_NULL;
	passage_init(&v->passage);
	v->passage.done = passed;
	v->passage.userdata = io->loop;
	if (vsock_dial(&v->dial, io->loop, door->port, dialled) < 0)
		leave(v);
}

int door_open(struct door *door, struct loop *loop, int fd, uint32_t port)
{
	int r = loop_io_start(loop, &door->io, fd, EPOLLIN, knocked);

	if (r < 0)
		return r;
	door->port = port;
	list_append(&doors, &door->link);
	return 0;
}

void door_close(struct door *door)
{
	int fd = door->io.fd;

	loop_io_stop(&door->io);
	fd_close(fd);
	list_del(&door->link);
}
