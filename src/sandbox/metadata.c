/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/unix.h"
#include "sandbox/dial.h"

void metadata_init(struct metadata *m)
{
	*m = (struct metadata){.listen_fd = -EBADF, .io = LOOP_IO_NULL};
	for (size_t i = 0; i < ARRAY_SIZE(m->conns); i++) {
		m->conns[i].owner = m;
		m->conns[i].fd = -EBADF;
		m->conns[i].io = (struct loop_io)LOOP_IO_NULL;
		loop_timer_init(&m->conns[i].patience);
	}
}

int metadata_load(struct metadata *m, const char *path, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "--supervisor-config %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "--supervisor-config %s: is not a regular file", path);
	r = fd_slurp(fd, METADATA_BYTES_MAX, &m->data, &m->len);
	if (r == -EFBIG)
		return err_set(err, r, "--supervisor-config %s: is larger than %d bytes", path,
			       METADATA_BYTES_MAX);
	return r < 0 ? err_errno(err, r, "--supervisor-config %s", path) : 0;
}

void metadata_forward(struct metadata *m, const char *socket_path, const char *id)
{
	m->socket_path = xstrdup(socket_path);
	m->id = id;
}

bool metadata_configured(const struct metadata *m)
{
	return m->data || m->socket_path;
}

static void close_conn(struct metadata_conn *c)
{
	loop_io_stop(&c->io);
	loop_timer_stop(&c->patience);
	if (c->passage)
		passage_stop(c->passage);
	free(take_ptr(c->passage));
	c->fd = fd_close(c->fd);
	/* A place for one who waits. */
	if (loop_io_active(&c->owner->io))
		(void)loop_io_set(&c->owner->io, EPOLLIN);
}

static void out_of_patience(struct loop_timer *timer)
{
	close_conn(container_of(timer, struct metadata_conn, patience));
}

static void be_patient(struct metadata_conn *c)
{
	loop_timer_start(c->owner->loop, &c->patience,
			 loop_now(c->owner->loop) + METADATA_PATIENCE_NS, out_of_patience);
}

/* Return: false: it is over. */
static bool send_some(struct metadata_conn *c)
{
	const struct metadata *m = c->owner;
	ssize_t n = send(c->fd, m->data + c->sent, m->len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->sent += (size_t)n;
	be_patient(c);
	/* What is left is to see that they have gone. */
	if (c->sent == m->len)
		return shutdown(c->fd, SHUT_WR) == 0 && loop_io_set(&c->io, EPOLLIN) == 0;
	return true;
}

/* There is nothing to say to this service. Return: false: they have gone. */
static bool drop_some(struct metadata_conn *c)
{
	char piece[4096];
	ssize_t n = recv(c->fd, piece, sizeof(piece), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n > 0)
		return true;
	/* They may have said all that they want to, and still read. */
	return c->sent < c->owner->len && loop_io_set(&c->io, EPOLLOUT) == 0;
}

static void serve_ready(struct loop_io *io, uint32_t revents)
{
	struct metadata_conn *c = container_of(io, struct metadata_conn, io);
	bool go_on = true;

	if (revents & EPOLLOUT && c->sent < c->owner->len)
		go_on = send_some(c);
	if (go_on && revents & EPOLLIN)
		go_on = drop_some(c);
	if (!go_on || revents & (EPOLLERR | EPOLLHUP))
		close_conn(c);
}

static int serve_file(struct metadata_conn *c)
{
	be_patient(c);
	if (c->owner->len == 0 && shutdown(c->fd, SHUT_WR) < 0)
		return -errno;
	return loop_io_start(c->owner->loop, &c->io, c->fd,
			     c->owner->len ? EPOLLIN | EPOLLOUT : EPOLLIN, serve_ready);
}

static void passed_on(struct passage *passage)
{
	close_conn(passage->userdata);
}

static int send_header(struct metadata *m, int fd)
{
	_cleanup_free_ char *line = xasprintf(METADATA_HEADER, m->id);
	ssize_t len = (ssize_t)strlen(line);
	ssize_t n = send(fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);

	/*
	 * A socket that is new has room for a line. One that gives everybody the same answer may have
	 * given it by now, and be gone.
	 */
	return n == len || (n < 0 && errno == EPIPE) ? 0 : -EIO;
}

static int pass_on(struct metadata_conn *c)
{
	_cleanup_close_ int fd = unix_connect_now(c->owner->socket_path);
	int r = fd < 0 ? fd : send_header(c->owner, fd);

	if (r < 0)
		return r;
	c->passage = xcalloc(1, sizeof(*c->passage));
	passage_init(c->passage);
	c->passage->userdata = c;
	c->passage->done = passed_on;
	return passage_start(c->passage, c->owner->loop, take_fd(c->fd), take_fd(fd));
}

static struct metadata_conn *free_place(struct metadata *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->conns); i++)
		if (m->conns[i].fd < 0 && !m->conns[i].passage)
			return &m->conns[i];
	return NULL;
}

static bool is_ours(const struct metadata *m, int fd)
{
	const struct guest_address address = {.cid = m->cid};

	return m->cid == 0 || guest_is_peer(&address, fd);
}

static void connected(struct loop_io *io, uint32_t revents _unused_)
{
	struct metadata *m = container_of(io, struct metadata, io);
	struct metadata_conn *c = free_place(m);
	int fd;

	if (!c) {
		(void)loop_io_set(io, 0);
		return;
	}
	fd = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 || !is_ours(m, fd)) {
		fd_close(fd);
		return;
	}
	c->fd = fd;
	c->sent = 0;
	if ((m->socket_path ? pass_on(c) : serve_file(c)) < 0)
		close_conn(c);
}

int metadata_serve(struct metadata *m, struct loop *loop, int fd, uint32_t cid)
{
	m->loop = loop;
	m->listen_fd = fd;
	m->cid = cid;
	return loop_io_start(loop, &m->io, fd, EPOLLIN, connected);
}

void metadata_stop(struct metadata *m)
{
	loop_io_stop(&m->io);
	m->listen_fd = fd_close(m->listen_fd);
	for (size_t i = 0; i < ARRAY_SIZE(m->conns); i++)
		close_conn(&m->conns[i]);
	/* It may be a secret. */
	if (m->data)
		explicit_bzero(m->data, m->len);
	free(take_ptr(m->data));
	free(take_ptr(m->socket_path));
}
