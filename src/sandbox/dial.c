/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/unix.h"

bool guest_is_peer(const struct guest_address *address, int fd)
{
	struct sockaddr_vm peer;
	socklen_t len = sizeof(peer);

	return address->hybrid_path ||
	       (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
		peer.svm_family == AF_VSOCK && peer.svm_cid == address->cid);
}

/* A VMM asks the guest for 2 s at most (Firecracker's vsock/csm), and may be busy. */
#define PATIENCE (10 * NSEC_PER_SEC)

/* Nothing tells when one who has too many to let in has room again. */
#define AGAIN (NSEC_PER_SEC / 50)

static void finish(struct dial *d, int fd_or_error)
{
	d->fd = fd_or_error < 0 ? d->fd : -EBADF;
	dial_stop(d);
	d->done(d, fd_or_error);
}

/*
 * The answer is read a byte at a time, up to its newline and no further: what follows belongs to
 * whoever gets the connection.
 */
static int read_answer(struct dial *d)
{
	for (;;) {
		ssize_t n = read(d->fd, d->line + d->len, 1);

		if (n < 0)
			return -errno;
		if (n == 0)
			return -ECONNREFUSED;
		if (d->line[d->len++] == '\n')
			break;
		if (d->len == sizeof(d->line))
			return -EPROTO;
	}
	return d->len > 3 && memcmp(d->line, "OK ", 3) == 0 ? 0 : -EPROTO;
}

static int send_request(struct dial *d)
{
	int n = snprintf(d->line, sizeof(d->line), "CONNECT %u\n", d->port);

	if (send(d->fd, d->line, (size_t)n, MSG_NOSIGNAL) != n)
		return errno == EAGAIN ? -EPROTO : -errno;
	d->asked = true;
	return loop_io_set(&d->io, EPOLLIN);
}

static int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? -errno : -error;
}

static void ready(struct loop_io *io, uint32_t revents _unused_)
{
	struct dial *d = container_of(io, struct dial, io);
	int r;

	if (!d->hybrid) {
		r = socket_error(d->fd);
		finish(d, r < 0 ? r : d->fd);
		return;
	}
	if (!d->asked) {
		r = send_request(d);
		if (r < 0)
			finish(d, r);
		return;
	}
	r = read_answer(d);
	if (r != -EAGAIN)
		finish(d, r < 0 ? r : d->fd);
}

static void try_again(struct loop_timer *timer);

static int connect_to_vmm(struct dial *d)
{
	d->fd = unix_connect_pinned(d->socket);
	if (d->fd == -EAGAIN) {
		loop_timer_start(d->loop, &d->again, loop_now(d->loop) + AGAIN, try_again);
		return 0;
	}
	return d->fd < 0 ? d->fd : loop_io_start(d->loop, &d->io, d->fd, EPOLLOUT, ready);
}

static void try_again(struct loop_timer *timer)
{
	struct dial *d = container_of(timer, struct dial, again);
	int r = connect_to_vmm(d);

	if (r < 0)
		finish(d, r);
}

static void late(struct loop_timer *timer)
{
	finish(container_of(timer, struct dial, deadline), -ETIMEDOUT);
}

static int connect_to_guest(struct dial *d, uint32_t cid)
{
	struct sockaddr_vm svm = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = d->port};

	d->fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0 ||
	    (connect(d->fd, (struct sockaddr *)&svm, sizeof(svm)) < 0 && errno != EINPROGRESS))
		return -errno;
	return loop_io_start(d->loop, &d->io, d->fd, EPOLLOUT, ready);
}

int dial_start(struct dial *d, struct loop *loop, const struct guest_address *address,
	       uint32_t port, void (*done)(struct dial *dial, int fd))
{
	int r = 0;

	d->hybrid = address->hybrid_path != NULL;
	d->asked = false;
	d->len = 0;
	d->port = port;
	d->done = done;
	d->loop = loop;
	loop_timer_init(&d->deadline);
	loop_timer_init(&d->again);
	loop_timer_start(loop, &d->deadline, loop_now(loop) + PATIENCE, late);
	if (d->hybrid)
		r = d->socket = unix_pin(AT_FDCWD, address->hybrid_path);
	if (r >= 0)
		r = d->hybrid ? connect_to_vmm(d) : connect_to_guest(d, address->cid);
	if (r < 0)
		dial_stop(d);
	return r;
}

void dial_stop(struct dial *d)
{
	if (!d->loop)
		return;
	d->loop = NULL;
	loop_io_stop(&d->io);
	loop_timer_stop(&d->deadline);
	loop_timer_stop(&d->again);
	d->socket = fd_close(d->socket);
	d->fd = fd_close(d->fd);
}
