/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: a connection is one request and its answer. Who asks while a scrape is under way gets what
 * comes of that, and who asks soon after it the same. While all places are taken nobody is let in, and each is free again after METRICS_CLIENT_NS.
 */
#include "cmd/metrics-serve.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/metrics-http.h"

/**
 * struct client - a connection
 * @waits: for a scrape
 * @answer, @len: to be sent; NULL: not yet
 * @at: how much of it was sent
 */
struct client {
	struct list link;
	struct metrics_server *server;
	struct loop_io io;
	struct loop_timer deadline;
	struct metrics_request request;
	bool waits;
	char *answer;
	size_t len, at;
};

static void client_free(struct client *c)
{
	int fd = c->io.fd;

	loop_io_stop(&c->io);
	(void)fd_close(fd);
	loop_timer_stop(&c->deadline);
	list_del(&c->link);
	if (c->server->n-- == METRICS_CLIENTS_MAX)
		(void)loop_io_set(&c->server->accept, EPOLLIN);
	free(c->answer);
	free(c);
}

static void too_slow(struct loop_timer *timer)
{
	client_free(container_of(timer, struct client, deadline));
}

static void be_patient(struct client *c)
{
	loop_timer_start(c->server->loop, &c->deadline,
			 loop_now(c->server->loop) + METRICS_CLIENT_NS, too_slow);
}

static void answer(struct client *c, unsigned int status, const char *body, size_t len)
{
	c->waits = false;
	c->answer =
		metrics_answer(status, metrics_request_is_head(&c->request), body, len, &c->len);
	be_patient(c);
	(void)loop_io_set(&c->io, EPOLLOUT);
}

static void scraped(void *userdata, char *text, size_t len)
{
	struct metrics_server *server = userdata;

	server->scrape = NULL;
	free(server->last);
	server->last = text;
	server->last_len = len;
	server->fresh_until = loop_now(server->loop) + METRICS_FRESH_NS;
	list_for_each_safe (it, &server->clients) {
		struct client *c = container_of(it, struct client, link);

		if (c->waits)
			answer(c, 200, text, len);
	}
}

static void await_scrape(struct client *c)
{
	struct metrics_server *server = c->server;

	if (server->last && loop_now(server->loop) < server->fresh_until) {
		answer(c, 200, server->last, server->last_len);
		return;
	}
	c->waits = true;
	loop_timer_stop(&c->deadline);
	(void)loop_io_set(&c->io, 0);
	if (!server->scrape)
		server->scrape = metrics_scrape(server->loop, server->roots, scraped, server);
}

static void read_request(struct client *c)
{
	char data[2048];
	ssize_t n = recv(c->io.fd, data, sizeof(data), 0);
	unsigned int status;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(c);
		return;
	}
	status = metrics_request_take(&c->request, data, (size_t)n);
	if (status == 200)
		await_scrape(c);
	else if (status != 0)
		answer(c, status, NULL, 0);
}

static void write_answer(struct client *c)
{
	ssize_t n = send(c->io.fd, c->answer + c->at, c->len - c->at, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->at += n < 0 ? 0 : (size_t)n;
	if (n < 0 || c->at == c->len)
		client_free(c);
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct client *c = container_of(io, struct client, io);

	if (c->waits || (revents & EPOLLERR))
		client_free(c);
	else if (c->answer)
		write_answer(c);
	else
		read_request(c);
}

static void add_client(struct metrics_server *server, int fd)
{
	struct client *c = xcalloc(1, sizeof(*c));

	c->server = server;
	list_init(&c->link);
	loop_timer_init(&c->deadline);
	metrics_request_begin(&c->request);
	if (loop_io_start(server->loop, &c->io, fd, EPOLLIN, ready) < 0) {
		(void)fd_close(fd);
		free(c);
		return;
	}
	list_append(&server->clients, &c->link);
	be_patient(c);
	if (++server->n == METRICS_CLIENTS_MAX)
		(void)loop_io_set(&server->accept, 0);
}

static void somebody_connects(struct loop_io *io, uint32_t revents _unused_)
{
	struct metrics_server *server = container_of(io, struct metrics_server, accept);
	int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		add_client(server, fd);
}

int metrics_serve_start(struct metrics_server *server, struct loop *loop, int fd,
			const struct metrics_roots *roots)
{
	*server = (struct metrics_server){.loop = loop, .roots = roots, .accept = LOOP_IO_NULL};
	list_init(&server->clients);
	return loop_io_start(loop, &server->accept, fd, EPOLLIN, somebody_connects);
}

void metrics_serve_stop(struct metrics_server *server)
{
	metrics_scrape_cancel(server->scrape);
	list_for_each_safe (it, &server->clients)
		client_free(container_of(it, struct client, link));
	loop_io_stop(&server->accept);
	free(take_ptr(server->last));
}
