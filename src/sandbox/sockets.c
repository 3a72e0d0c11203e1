/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/unix.h"
#include "rpc/rpc.h"
#include "sandbox/dial.h"
#include "sandbox/sandbox.h"
#include "sandbox/volume.h"
#include "sockets.pb-c.h"

void sockets_init(struct sockets *s, struct sandbox *sandbox)
{
	*s = (struct sockets){.sandbox = sandbox};
}

static void listen_to(struct sockets *s, uint32_t events)
{
	for (size_t i = 0; i < s->n; i++)
		(void)loop_io_set(&s->ports[i].io, events);
}

static struct passage **free_place(struct sockets *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->conns); i++)
		if (!s->conns[i])
			return &s->conns[i];
	return NULL;
}

static void ended(struct passage *passage)
{
	struct sockets *s = passage->userdata;

	for (size_t i = 0; i < ARRAY_SIZE(s->conns); i++)
		if (s->conns[i] == passage)
			s->conns[i] = NULL;
	free(passage);
	listen_to(s, EPOLLIN);
}

static void connected(struct loop_io *io, uint32_t revents _unused_)
{
	struct socket_port *port = container_of(io, struct socket_port, io);
	struct sockets *s = port->owner;
	struct passage **place = free_place(s);
	_cleanup_close_ int guest = -EBADF, host = -EBADF;
	struct passage *passage;

	if (!place) {
		listen_to(s, 0);
		return;
	}
	guest = accept4(port->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (guest < 0 || !guest_is_peer(&s->sandbox->address, guest))
		return;
	host = port->connect(port);
	if (host < 0)
		return;
	passage = xcalloc(1, sizeof(*passage));
	passage_init(passage);
	passage->done = ended;
	passage->userdata = s;
	if (passage_start(passage, s->sandbox->loop, take_fd(guest), take_fd(host)) < 0)
		free(passage);
	else
		*place = passage;
}

/* A container may have the folder as well, and make the name a link to another socket. */
static int connect_path(const struct socket_port *port)
{
	_cleanup_close_ int fd = path_open_real(port->path, O_PATH);
	char path[32];

	if (fd < 0)
		return fd;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return unix_connect_now(path);
}

static int serve(struct sockets *s, const struct socket_port *wanted, struct err *err)
{
	struct socket_port *port = &s->ports[s->n];
	int r;

	*port = *wanted;
	port->owner = s;
	port->fd = s->listen(s->sandbox, ABI_PORT_SOCKETS + (uint32_t)s->n, &port->port, err);
	if (port->fd < 0)
		return port->fd;
	s->n++;
	r = loop_io_start(s->sandbox->loop, &port->io, port->fd, EPOLLIN, connected);
	return r < 0 ? err_errno(err, r, "cannot pass on connections of the guest's") : 0;
}

int sockets_serve_one(struct sockets *s, int (*connect)(const struct socket_port *port),
		      uint32_t *ret_port, struct err *err)
{
	struct socket_port wanted = {.connect = connect, .io = LOOP_IO_NULL};
	int r = serve(s, &wanted, err);

	if (r == 0)
		*ret_port = s->ports[s->n - 1].port;
	return r;
}

int sockets_serve(struct sockets *s,
		  int (*listen)(struct sandbox *sandbox, uint32_t port, uint32_t *ret_port,
				struct err *err),
		  struct err *err)
{
	const struct strv *volumes = &s->sandbox->spec->volumes;
	int r = 0;

	s->listen = listen;
	s->ports = xcalloc(volumes->n + 1, sizeof(*s->ports));
	for (size_t i = 0; r == 0 && i < volumes->n; i++) {
		struct volume volume = volume_of(volumes->v[i]);
		struct socket_port wanted = {
			.path = volume.source, .connect = connect_path, .io = LOOP_IO_NULL};

		if (volume.kind != VOLUME_SOCKET)
			continue;
		r = s->n < ABI_MOUNTS_MAX ? serve(s, &wanted, err)
					  : err_set(err, -ENOSPC,
						    "%s is a socket of the host, of which a VM may "
						    "have %d at most",
						    volume.source, ABI_MOUNTS_MAX);
	}
	return r;
}

/* As on the host, where the server may have ended meanwhile. */
static void describe(const struct socket_port *port, Caisson__Guest__V1__Socket *ret)
{
	_cleanup_close_ int fd = path_open_real(port->path, O_PATH);
	struct stat st = {.st_mode = 0600};

	caisson__guest__v1__socket__init(ret);
	if (fd >= 0)
		(void)fstat(fd, &st);
	ret->port = port->port;
	ret->mode = st.st_mode & 0777;
	ret->uid = st.st_uid;
	ret->gid = st.st_gid;
}

int sockets_tell(struct sockets *s, struct ttrpc_request *request,
		 void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	Caisson__Guest__V1__ListenRequest message = CAISSON__GUEST__V1__LISTEN_REQUEST__INIT;
	Caisson__Guest__V1__Socket sockets[ABI_MOUNTS_MAX], *list[ABI_MOUNTS_MAX];

	for (size_t i = 0; i < s->n && i < ABI_MOUNTS_MAX && s->ports[i].path; i++) {
		describe(&s->ports[i], &sockets[i]);
		list[message.n_sockets++] = &sockets[i];
	}
	message.sockets = list;
	return rpc_call(s->sandbox->guest, request, RPC_SERVICE_SOCKETS, "Listen", &message.base, 0,
			answered);
}

void sockets_stop(struct sockets *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->conns); i++) {
		if (s->conns[i])
			passage_stop(s->conns[i]);
		free(take_ptr(s->conns[i]));
	}
	for (size_t i = 0; i < s->n; i++) {
		loop_io_stop(&s->ports[i].io);
		fd_close(s->ports[i].fd);
	}
	s->n = 0;
	free(take_ptr(s->ports));
}
