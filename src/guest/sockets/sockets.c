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
#include "guest/sockets/door.h"
#include "rpc/rpc.h"
#include "sockets.pb-c.h"

#define BACKLOG 128

static struct loop *loop;
static struct door doors[ABI_MOUNTS_MAX];
static size_t n_doors;

static void door_path(size_t i, char path[64])
{
	(void)snprintf(path, 64, ABI_SOCKETS_DIR "/%zu", i);
}

static void remove_all(void)
{
	char path[64];

	while (n_doors > 0) {
		door_close(&doors[--n_doors]);
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
	*door = (struct door)DOOR_NULL(*door);
	r = fd < 0 ? fd : door_open(door, loop, fd, wanted->port);
	if (r < 0) {
		(void)unlink(path);
		return r;
	}
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
