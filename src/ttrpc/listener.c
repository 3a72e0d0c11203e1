/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"

static bool peer_is_us(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid() &&
	       peer.gid == getegid();
}

static void refuse_one(struct ttrpc_listener *listener)
{
	int fd = listener->io.fd;

	listener->spare_fd = fd_close(listener->spare_fd);
	fd_close(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	listener->spare_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static void on_connection(struct loop_io *io, uint32_t revents _unused_)
{
	struct ttrpc_listener *listener = container_of(io, struct ttrpc_listener, io);
	_cleanup_close_ int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			refuse_one(listener);
		return;
	}
	if (listener->same_user && !peer_is_us(fd))
		return;
	if (listener->accepted(listener->userdata, fd) == 0)
		fd = -EBADF;
}

int ttrpc_listener_new(struct loop *loop, int fd, bool same_user,
		       int (*accepted)(void *userdata, int fd), void *userdata,
		       struct ttrpc_listener **ret)
{
	struct ttrpc_listener *listener = calloc(1, sizeof(*listener));
	int r;

	if (!listener)
		return -ENOMEM;
	r = fd_nonblock(fd, true);
	if (r == 0)
		r = loop_io_start(loop, &listener->io, fd, EPOLLIN, on_connection);
	if (r < 0) {
		free(listener);
		return r;
	}
	listener->spare_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	listener->same_user = same_user;
	listener->accepted = accepted;
	listener->userdata = userdata;
	list_init(&listener->link);
	*ret = listener;
	return 0;
}

void ttrpc_listener_free(struct ttrpc_listener *listener)
{
	int fd = listener->io.fd;

	list_del(&listener->link);
	loop_io_stop(&listener->io);
	fd_close(fd);
	fd_close(listener->spare_fd);
	free(listener);
}
