/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection begins and ends, and what its host socket says. See conn.h for the states. */
#include "vsockd/conn.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/seal.h"
#include "vsockd/conn_impl.h"
#include "vsockd/guest.h"
#include "vsockd/host.h"

/* Events are edge-triggered; EPOLLOUT only while bytes of the guest wait. */
#define EVENTS_IDLE (EPOLLIN | EPOLLRDHUP | EPOLLET)
#define EVENTS_FULL (EVENTS_IDLE | EPOLLOUT)

void conn_due(struct conn *conn, unsigned int pending)
{
	conn->pending |= (uint8_t)pending;
	if (list_empty(&conn->control))
		list_append(&conn->d->control, &conn->control);
	guest_pump(conn->d);
}

bool conn_may_pull(const struct conn *conn)
{
	return conn->state == CONN_OPEN && conn->readable && !(conn->pending & CONN_P_RESPONSE) &&
	       !(conn->host_shut & CONN_SHUT_SEND) && !(conn->guest_shut & CONN_SHUT_RCV);
}

void conn_run(struct conn *conn)
{
	if (!conn_may_pull(conn) || !list_empty(&conn->run))
		return;
	list_append(&conn->d->run, &conn->run);
	guest_pump(conn->d);
}

static void close_socket(struct conn *conn)
{
	int fd = conn->io.fd;

	loop_io_stop(&conn->io);
	fd_close(fd);
	wbuf_deinit(&conn->wbuf);
	conn->fwd_cnt = conn->rx_cnt;
	list_del(&conn->run);
}

static void free_slot(struct conn *conn)
{
	close_socket(conn);
	loop_timer_stop(&conn->timer);
	list_del(&conn->control);
	table_remove(&conn->d->table, conn);
	table_free(&conn->d->table, conn);
	/* It may be what the end was waiting for. */
	if (conn->d->leaving)
		guest_pump(conn->d);
}

void conn_drop(struct conn *conn)
{
	free_slot(conn);
}

bool conn_survives_reset(const struct conn *conn)
{
	return conn->state == CONN_HANDSHAKE ||
	       (conn->state == CONN_REQUESTED && conn->pending & CONN_P_REQUEST);
}

void conn_reap(struct conn *conn)
{
	if (conn->state != CONN_DEAD)
		return;
	if (!(conn->pending & CONN_P_RST))
		table_remove(&conn->d->table, conn);
	if (!conn->pending && !loop_io_active(&conn->io))
		free_slot(conn);
}

/* The last thing that happens to a connection but for what is still on its way. */
static void die(struct conn *conn, unsigned int pending)
{
	conn->state = CONN_DEAD;
	conn->pending = 0;
	loop_timer_stop(&conn->timer);
	list_del(&conn->run);
	list_del(&conn->control);
	if (pending)
		conn_due(conn, pending);
	conn_reap(conn);
}

void conn_abandon(struct conn *conn)
{
	if (conn->wbuf.len > 0)
		die(conn, 0);
	else
		free_slot(conn);
}

SEAL_ALLOW(shutdown);

void conn_reset(struct conn *conn)
{
	/* The guest has not heard of it yet: nothing to take back. */
	bool known = conn->hashed && !(conn->pending & CONN_P_REQUEST);

	close_socket(conn);
	die(conn, known ? CONN_P_RST : 0);
}

/* The guest is done with it; what it sent before still goes to the host. */
static void finish(struct conn *conn, unsigned int pending)
{
	if (conn->wbuf.len == 0)
		close_socket(conn);
	else
		(void)shutdown(conn->io.fd, SHUT_RD);
	die(conn, pending);
}

void conn_dead(struct conn *conn)
{
	finish(conn, 0);
}

/* Draw the conclusions from what has been closed. */
static void settle(struct conn *conn)
{
	const unsigned int told = conn->host_shut;
	bool in_done, out_done;

	if (conn->state != CONN_OPEN)
		return;
	if (conn->guest_shut == CONN_SHUT_BOTH) {
		/* That is what it waits for before it uses the port again. */
		finish(conn, CONN_P_RST);
		return;
	}
	if (conn->guest_shut & CONN_SHUT_SEND && conn->wbuf.len == 0 && !conn->wr_shut) {
		(void)shutdown(conn->io.fd, SHUT_WR);
		conn->wr_shut = true;
	}
	in_done = conn->host_shut & CONN_SHUT_SEND || conn->guest_shut & CONN_SHUT_RCV;
	out_done = conn->host_shut & CONN_SHUT_RCV || conn->wr_shut;
	if (!in_done || !out_done)
		return;
	conn->host_shut = CONN_SHUT_BOTH;
	if (conn->host_shut != told)
		conn_due(conn, CONN_P_SHUTDOWN);
	close_socket(conn);
}

void conn_host_ends(struct conn *conn, unsigned int directions)
{
	/* A program that is gone reads no more; that it sends no more shows at the last byte. */
	if (conn->hup && (directions | conn->host_shut) & CONN_SHUT_SEND)
		directions |= CONN_SHUT_RCV;
	if (directions & ~conn->host_shut)
		conn_due(conn, CONN_P_SHUTDOWN);
	conn->host_shut |= (uint8_t)directions;
	if (directions & CONN_SHUT_RCV) {
		wbuf_deinit(&conn->wbuf);
		conn->fwd_cnt = conn->rx_cnt;
	}
	settle(conn);
}

void conn_guest_ends(struct conn *conn, unsigned int directions)
{
	directions &= ~(unsigned int)conn->guest_shut;
	conn->guest_shut |= (uint8_t)directions;
	if (directions & CONN_SHUT_RCV)
		(void)shutdown(conn->io.fd, SHUT_RD);
	settle(conn);
}

/* Tell the guest of room before it runs out: each half of the buffer. */
static void give_credit(struct conn *conn)
{
	if (conn->state == CONN_OPEN && conn->fwd_cnt - conn->told_fwd_cnt >= conn->wbuf.size / 2)
		conn_due(conn, CONN_P_CREDIT_UPDATE);
}

static void write_failed(struct conn *conn)
{
	if (conn->state == CONN_DEAD) {
		close_socket(conn);
		conn_reap(conn);
	} else {
		conn_host_ends(conn, CONN_SHUT_RCV);
	}
}

static void writable(struct conn *conn)
{
	ssize_t n;

	if (conn->wbuf.len == 0)
		return;
	n = wbuf_flush(&conn->wbuf, conn->io.fd);
	if (n < 0) {
		write_failed(conn);
		return;
	}
	conn->fwd_cnt += (uint32_t)n;
	give_credit(conn);
	if (conn->wbuf.len > 0)
		return;
	if (conn->state == CONN_DEAD) {
		close_socket(conn);
		conn_reap(conn);
		return;
	}
	(void)loop_io_set(&conn->io, EVENTS_IDLE);
	settle(conn);
}

static void keep(struct conn *conn, const struct iovec *iov, size_t n, size_t skip)
{
	if (wbuf_append(&conn->wbuf, iov, n, skip) < 0 || loop_io_set(&conn->io, EVENTS_FULL) < 0)
		conn_reset(conn);
}

void conn_forward(struct conn *conn, const struct iovec *iov, size_t n, uint32_t len)
{
	ssize_t done = 0;

	conn->rx_cnt += len;
	if (conn->host_shut & CONN_SHUT_RCV) {
		conn->fwd_cnt = conn->rx_cnt;
	} else if (conn->wbuf.len == 0) {
		done = sock_write(conn->io.fd, iov, n);
		if (done < 0) {
			write_failed(conn);
			return;
		}
		conn->fwd_cnt += (uint32_t)done;
	}
	if (conn->fwd_cnt != conn->rx_cnt)
		keep(conn, iov, n, (size_t)done);
	give_credit(conn);
}

static void handshake(struct conn *conn, uint32_t revents)
{
	uint32_t port;
	int r = host_read_line(conn->io.fd, &port);

	/* A part of a line is left in the socket, so that it hides the end. */
	if (r == -EAGAIN && !(revents & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		return;
	if (r < 0) {
		free_slot(conn);
		return;
	}
	conn->guest_port = port;
	conn->host_port = table_new_port(&conn->d->table, port);
	conn->state = CONN_REQUESTED;
	conn->readable = true;
	table_insert(&conn->d->table, conn);
	conn_deadline(conn, conn->d->config.response_ns);
	conn_due(conn, CONN_P_REQUEST);
}

static void socket_event(struct loop_io *io, uint32_t revents)
{
	struct conn *conn = container_of(io, struct conn, io);

	if (conn->state == CONN_HANDSHAKE) {
		handshake(conn, revents);
		return;
	}
	conn->readable = true;
	if (revents & (EPOLLHUP | EPOLLERR))
		conn->hup = true;
	conn_run(conn);
	if (revents & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		writable(conn);
	/* That the guest wants no more is an event as well: our own shutdown() wakes us. */
	if (conn->state == CONN_OPEN && conn->hup &&
	    (conn->host_shut & CONN_SHUT_SEND || conn->guest_shut & CONN_SHUT_RCV))
		conn_host_ends(conn, CONN_SHUT_RCV);
}

static void expired(struct loop_timer *timer)
{
	struct conn *conn = container_of(timer, struct conn, timer);

	conn_reset(conn);
}

void conn_deadline(struct conn *conn, uint64_t ns)
{
	loop_timer_start(conn->d->loop, &conn->timer, loop_now(conn->d->loop) + ns, expired);
}

/* A slot with a socket; takes @fd over always. */
static struct conn *begin(struct vsockd *d, int fd, enum conn_state state)
{
	_cleanup_close_ int owned = fd;
	struct conn *conn = table_alloc(&d->table);

	if (!conn)
		return NULL;
	conn->d = d;
	conn->state = (uint8_t)state;
	wbuf_init(&conn->wbuf,
		  d->table.n_used <= CONN_LARGE_MAX ? CONN_CREDIT_LARGE : CONN_CREDIT_SMALL);
	if (loop_io_start(d->loop, &conn->io, fd, EVENTS_IDLE, socket_event) < 0) {
		table_free(&d->table, conn);
		return NULL;
	}
	owned = -EBADF;
	return conn;
}

void conn_handshake(struct vsockd *d, int fd)
{
	struct conn *conn = begin(d, fd, CONN_HANDSHAKE);

	if (!conn)
		return;
	conn_deadline(conn, d->config.handshake_ns);
	/* Most programs have sent their line by now. */
	handshake(conn, 0);
}

void conn_accept(struct vsockd *d, const struct pkt *pkt)
{
	int fd = host_dial(d, pkt->dst_port);
	struct conn *conn = fd < 0 ? NULL : begin(d, fd, CONN_OPEN);

	if (!conn) {
		guest_refuse(d, pkt);
		return;
	}
	conn->host_port = pkt->dst_port;
	conn->guest_port = pkt->src_port;
	conn->peer_buf_alloc = pkt->buf_alloc;
	table_insert(&d->table, conn);
	conn_due(conn, CONN_P_RESPONSE);
}
