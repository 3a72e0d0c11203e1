/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/vsock.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/vm_sockets.h>

#include "base/fd.h"

#define BACKLOG 128
/* Of the kernel's own: 2 seconds. A host that is just being overrun may take longer. */
#define CONNECT_TIMEOUT_SEC 20

static int make_socket(int flags)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	return fd < 0 ? -errno : fd;
}

static void connection_ready(struct loop_io *io, uint32_t revents _unused_)
{
	struct vsock_listener *listener = container_of(io, struct vsock_listener, io);
	struct sockaddr_vm peer = {.svm_family = AF_UNSPEC};
	socklen_t len = sizeof(peer);
	_cleanup_close_ int fd = -EBADF;

	fd = accept4(listener->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && peer.svm_family == AF_VSOCK && peer.svm_cid == VMADDR_CID_HOST)
		listener->accepted(listener, take_fd(fd));
}

int vsock_listen(struct vsock_listener *listener, struct loop *loop, uint32_t port,
		 void (*accepted)(struct vsock_listener *listener, int fd))
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	_cleanup_close_ int fd = make_socket(SOCK_NONBLOCK);
	int r;

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	r = loop_io_start(loop, &listener->io, fd, EPOLLIN, connection_ready);
	if (r < 0)
		return r;
	listener->accepted = accepted;
	listener->fd = take_fd(fd);
	return 0;
}

/* Return: a descriptor that is connected, or about to be; or negative errno. */
static int begin(uint32_t port, int flags)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
	struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_SEC};
	_cleanup_close_ int fd = make_socket(flags);

	if (fd < 0)
		return fd;
	(void)setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
		return -errno;
	return take_fd(fd);
}

int vsock_connect(uint32_t port)
{
	return begin(port, 0);
}

static void dial_ready(struct loop_io *io, uint32_t revents _unused_)
{
	struct vsock_dial *dial = container_of(io, struct vsock_dial, io);
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	loop_io_stop(io);
	if (error)
		dial->fd = fd_close(dial->fd);
	dial->done(dial, error ? -error : take_fd(dial->fd));
}

int vsock_dial_await(struct vsock_dial *dial, struct loop *loop, int fd,
		     void (*done)(struct vsock_dial *dial, int fd))
{
	int r = loop_io_start(loop, &dial->io, fd, EPOLLOUT, dial_ready);

	dial->done = done;
	dial->fd = r < 0 ? fd_close(fd) : fd;
	return r;
}

int vsock_dial(struct vsock_dial *dial, struct loop *loop, uint32_t port,
	       void (*done)(struct vsock_dial *dial, int fd))
{
	int fd = begin(port, SOCK_NONBLOCK);

	return fd < 0 ? fd : vsock_dial_await(dial, loop, fd, done);
}

void vsock_dial_stop(struct vsock_dial *dial)
{
	loop_io_stop(&dial->io);
	dial->fd = fd_close(dial->fd);
}
