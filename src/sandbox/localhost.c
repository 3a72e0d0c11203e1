/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/localhost.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/sandbox.h"

/* A guest that is busy answers late; one that never does holds nobody for longer. */
#define PATIENCE (30 * NSEC_PER_SEC)

/* Of a passage's two ways: what comes from the client. */
#define PASSAGE_OF_CLIENT 0

void localhost_init(struct localhost *l, struct sandbox *sandbox)
{
	*l = (struct localhost){
		.sandbox = sandbox, .loopback = NET_LOOPBACK_NULL, .io = LOOP_IO_NULL};
}

/* The kernel has let him in already: a RST is as near to a refusal as it gets. */
static void refuse(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	fd_close(fd);
}

static struct localhost_conn **place_of(struct localhost *l, const struct localhost_conn *conn)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->conns); i++)
		if (l->conns[i] == conn)
			return &l->conns[i];
	return NULL;
}

/* The VM may stand still with its container paused, but has to answer first. */
static void asks(struct localhost_conn *c, bool asking)
{
	if (asking == c->asking)
		return;
	c->asking = asking;
	if (asking)
		standby_use(&c->owner->sandbox->standby);
	else
		standby_leave(&c->owner->sandbox->standby);
}

static void forget_other(struct localhost_conn *c)
{
	int fd = c->other.fd;

	loop_io_stop(&c->other);
	fd_close(fd);
	if (c->from != 0)
		net_loopback_forget(&c->owner->loopback, c->from);
	c->from = 0;
}

static void leave(struct localhost_conn *c)
{
	*place_of(c->owner, c) = NULL;
	asks(c, false);
	loop_timer_stop(&c->patience);
	greeting_stop(&c->greeting);
	passage_stop(&c->passage);
	forget_other(c);
	refuse(take_fd(c->client));
	free(c);
}

static void passed(struct passage *passage)
{
	leave(container_of(passage, struct localhost_conn, passage));
}

/* @fd: the other end, from here on the passage's */
static void pass(struct localhost_conn *c, int fd)
{
	asks(c, false);
	loop_timer_stop(&c->patience);
	if (passage_start(&c->passage, c->owner->sandbox->loop, take_fd(c->client), fd) < 0)
		leave(c);
}

static void too_late(struct loop_timer *timer)
{
	leave(container_of(timer, struct localhost_conn, patience));
}

static void answered(struct greeting *greeting, int fd);

static void ask(struct localhost_conn *c)
{
	struct sandbox *sandbox = c->owner->sandbox;
	bool six = net_loopback_is_six(&c->to) != c->swapped;

	(void)snprintf(c->greeting.id, sizeof(c->greeting.id), "%s%u",
		       six ? ABI_STREAM_TCP6 : ABI_STREAM_TCP4, net_loopback_port(&c->to));
	asks(c, true);
	loop_timer_start(sandbox->loop, &c->patience, loop_now(sandbox->loop) + PATIENCE, too_late);
	if (greeting_start(&c->greeting, sandbox->loop, &sandbox->address, answered) < 0)
		leave(c);
}

/*
 * Who asks for localhost tries both families, and goes on to the second when the first refuses: here it has not
 * refused, so it is for us to go on.
 */
static void answered(struct greeting *greeting, int fd)
{
	struct localhost_conn *c = container_of(greeting, struct localhost_conn, greeting);

	if (fd >= 0) {
		pass(c, fd);
	} else if (greeting->refusal && !c->swapped) {
		c->swapped = true;
		ask(c);
	} else {
		leave(c);
	}
}

static int error_of(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

static void other_answered(struct loop_io *io, uint32_t revents _unused_)
{
	struct localhost_conn *c = container_of(io, struct localhost_conn, other);
	int fd = io->fd, error = error_of(fd);

	if (error == 0) {
		loop_io_stop(io);
		pass(c, fd);
	} else if (error == ECONNREFUSED) {
		forget_other(c);
		ask(c);
	} else {
		leave(c);
	}
}

/* To others of the host first, if it is not certain that there is none: a guest is not to have what is theirs. */
static void go_on(struct localhost_conn *c)
{
	struct localhost *l = c->owner;
	_cleanup_close_ int other = net_loopback_other(&l->loopback, &c->to, &c->from);

	if (other == -ENOENT)
		ask(c);
	else if (other < 0 ||
		 loop_io_start(l->sandbox->loop, &c->other, other, EPOLLOUT, other_answered) < 0)
		leave(c);
	else
		(void)take_fd(other);
}

/* He may have gone: that looks the same. */
static bool client_has_ended(const struct localhost_conn *c)
{
	return c->client < 0 && !pump_active(&c->passage.pumps[PASSAGE_OF_CLIENT]);
}

/*
 * @port: of the connections to that only; 0: of all. Return: of those whose clients have ended, the oldest, which a
 * guest can hold for as long as it likes; NULL: all have a client.
 */
static struct localhost_conn *least_missed(const struct localhost *l, uint16_t port)
{
	struct localhost_conn *ret = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(l->conns); i++) {
		struct localhost_conn *c = l->conns[i];

		if (c && client_has_ended(c) && (!port || net_loopback_port(&c->to) == port) &&
		    (!ret || c->number < ret->number))
			ret = c;
	}
	return ret;
}

static size_t count(const struct localhost *l, uint16_t port)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(l->conns); i++)
		n += l->conns[i] && net_loopback_port(&l->conns[i]->to) == port;
	return n;
}

/* Behind each port is another container, or may be. Return: a free place; NULL: there is none for that port. */
static struct localhost_conn **find_place(struct localhost *l, uint16_t port)
{
	struct localhost_conn **place = place_of(l, NULL), *old;
	bool too_many = count(l, port) >= LOCALHOST_PORT_MAX;

	if (place && !too_many)
		return place;
	old = least_missed(l, too_many ? port : 0);
	if (!old)
		return NULL;
	leave(old);
	return place_of(l, NULL);
}

static void came(struct loop_io *io, uint32_t revents _unused_)
{
	struct localhost *l = container_of(io, struct localhost, io);
	struct localhost_conn **place, *c;
	struct net_loopback_peer to;
	int client = net_loopback_accept(&l->loopback, &to);

	if (client < 0)
		return;
	place = find_place(l, net_loopback_port(&to));
	if (!place) {
		refuse(client);
		return;
	}
	c = *place = xcalloc(1, sizeof(*c));
	c->owner = l;
	c->number = l->came++;
	c->client = client;
	c->to = to;
	c->other = (struct loop_io)LOOP_IO_NULL;
	c->greeting = (struct greeting)GREETING_NULL;
	loop_timer_init(&c->patience);
	passage_init(&c->passage);
	c->passage.done = passed;
	go_on(c);
}

static int start(struct localhost *l, struct err *err)
{
	int r = net_loopback_open(&l->loopback, err);

	if (r < 0)
		return r;
	r = loop_io_start(l->sandbox->loop, &l->io, l->loopback.fd, EPOLLIN, came);
	return r < 0 ? err_errno(err, r, "cannot wait for connections") : 0;
}

void localhost_start(struct localhost *l)
{
	struct err err = ERR_NULL;

	if (start(l, &err) == 0)
		return;
	net_loopback_close(&l->loopback);
	log_warn("what listens at the container's localhost is not reached from its network "
		 "namespace, as port-forward does: %s",
		 err.text);
}

void localhost_stop(struct localhost *l)
{
	loop_io_stop(&l->io);
	for (size_t i = 0; i < ARRAY_SIZE(l->conns); i++)
		if (l->conns[i])
			leave(l->conns[i]);
	net_loopback_close(&l->loopback);
}
