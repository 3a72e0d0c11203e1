/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/sockets/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "empty.pb-c.h"
#include "guest/vsock.h"
#include "loop/passage.h"
#include "rpc/rpc.h"
#include "sockets.pb-c.h"

#define BACKLOG 128

/* One that containers connect to. */
struct door {
	struct loop_io io;
	uint32_t port;
};

/* @fd: the container's end, until the host has answered; then it is the passage's */
struct visitor {
	bool busy;
	int fd;
	struct vsock_dial dial;
	struct passage passage;
};

static struct loop *loop;
static struct door doors[ABI_MOUNTS_MAX];
static size_t n_doors;
static struct visitor visitors[SOCKETS_CONNS_MAX];

static void door_path(size_t i, char path[64])
{
	(void)snprintf(path, 64, ABI_SOCKETS_DIR "/%zu", i);
}

static void open_doors(uint32_t events)
{
	for (size_t i = 0; i < n_doors; i++)
		(void)loop_io_set(&doors[i].io, events);
}

static void leave(struct visitor *v)
{
	v->fd = fd_close(v->fd);
	v->busy = false;
	open_doors(EPOLLIN);
}

static void passed(struct passage *passage)
{
	leave(container_of(passage, struct visitor, passage));
}

static void dialled(struct vsock_dial *dial, int host)
{
	struct visitor *v = container_of(dial, struct visitor, dial);

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
		open_doors(0);
		return;
	}
	v->fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (v->fd < 0)
		return;
	v->busy = true;
	v->dial = (struct vsock_dial)VSOCK_DIAL_NULL;
	passage_init(&v->passage);
	v->passage.done = passed;
	if (vsock_dial(&v->dial, loop, door->port, dialled) < 0)
		leave(v);
}

static void remove_all(void)
{
	char path[64];

	while (n_doors > 0) {
		struct loop_io *io = &doors[--n_doors].io;
		int fd = io->fd;

		loop_io_stop(io);
		fd_close(fd);
		door_path(n_doors, path);
		(void)unlink(path);
	}
	(void)rmdir(ABI_SOCKETS_DIR);
}

/* Return: a descriptor that listens, or negative errno. */
static int make_file(const char *path, const Caisson__Guest__V1__Socket *wanted)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	strcpy(sun.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	if (chown(path, wanted->uid, wanted->gid) < 0 || chmod(path, wanted->mode) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return -errno;
	return take_fd(fd);
}

static int add_door(const Caisson__Guest__V1__Socket *wanted)
{
	struct door *door = &doors[n_doors];
	_cleanup_close_ int fd = -EBADF;
	char path[64];
	int r;

	door_path(n_doors, path);
	(void)unlink(path);
	fd = make_file(path, wanted);
	r = fd < 0 ? fd : loop_io_start(loop, &door->io, fd, EPOLLIN, knocked);
	if (r < 0) {
		(void)unlink(path);
		return r;
	}
	door->port = wanted->port;
	n_doors++;
	(void)take_fd(fd);
	return 0;
}

static bool check(struct ttrpc_call *call, const Caisson__Guest__V1__ListenRequest *request)
{
	if (request->n_sockets > ARRAY_SIZE(doors)) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "sockets: at most %zu, not %zu",
				ARRAY_SIZE(doors), request->n_sockets);
		return false;
	}
	for (size_t i = 0; i < request->n_sockets; i++) {
		const Caisson__Guest__V1__Socket *s = request->sockets[i];

		if (s->mode <= 0777 && s->uid != UINT32_MAX && s->gid != UINT32_MAX)
			continue;
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT,
				"sockets: mode, uid or gid of no. %zu is none", i);
		return false;
	}
	return true;
}

static void answer_listen(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__ListenRequest *request = (const void *)message;
	int r = 0;

	if (!check(call, request))
		return;
	remove_all();
	if (request->n_sockets > 0 && mkdir(ABI_SOCKETS_DIR, 0700) < 0)
		r = -errno;
	for (size_t i = 0; r == 0 && i < request->n_sockets; i++)
		r = add_door(request->sockets[i]);
	if (r == 0) {
		rpc_reply_empty(call);
		return;
	}
	remove_all();
	ttrpc_call_fail(call, ttrpc_code_or(r, TTRPC_INTERNAL), "cannot make a socket: %s",
			strerror(-r));
}

static const struct ttrpc_method methods[] = {
	RPC_METHOD("Listen", caisson__guest__v1__listen_request, google__protobuf__empty,
		   answer_listen),
	{.name = NULL},
};

struct ttrpc_service sockets_service(struct loop *l)
{
	loop = l;
	return (struct ttrpc_service){.name = RPC_SERVICE_SOCKETS, .methods = methods};
}
