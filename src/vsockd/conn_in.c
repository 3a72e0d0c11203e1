/* SPDX-License-Identifier: Apache-2.0 */
/* Packets from the guest for a connection. */
#include "base/macro.h"
#include "vsockd/conn_impl.h"
#include "vsockd/host.h"

/*
 * What a packet says of the room at the guest. Packets made at the same time by two processors may
 * come in either order, so an older count is ignored; a count of bytes never sent is a lie.
 */
static bool learn_credit(struct conn *conn, const struct pkt *pkt)
{
	int32_t progress = (int32_t)(pkt->fwd_cnt - conn->peer_fwd_cnt);

	if (progress > 0 && pkt->fwd_cnt - conn->peer_fwd_cnt > conn->tx_cnt - conn->peer_fwd_cnt)
		return false;
	conn->peer_buf_alloc = pkt->buf_alloc;
	if (progress > 0)
		conn->peer_fwd_cnt = pkt->fwd_cnt;
	if (conn_credit(conn) > 0) {
		conn->asked = false;
		conn_run(conn);
	}
	return true;
}

static void on_response(struct conn *conn, const struct pkt *pkt _unused_,
			const struct iovec *iov _unused_, size_t n _unused_)
{
	if (conn->state != CONN_REQUESTED) {
		conn_reset(conn);
		return;
	}
	loop_timer_stop(&conn->timer);
	conn->state = CONN_OPEN;
	if (host_say_ok(conn->io.fd, conn->host_port) < 0)
		conn_host_ends(conn, CONN_SHUT_RCV);
	/* What the program sent behind its line has been waiting. */
	conn_run(conn);
}

static void on_rst(struct conn *conn, const struct pkt *pkt _unused_,
		   const struct iovec *iov _unused_, size_t n _unused_)
{
	conn_dead(conn);
}

static void on_shutdown(struct conn *conn, const struct pkt *pkt, const struct iovec *iov _unused_,
			size_t n _unused_)
{
	conn_guest_ends(conn, pkt->flags & CONN_SHUT_BOTH);
}

static void on_rw(struct conn *conn, const struct pkt *pkt, const struct iovec *iov, size_t n)
{
	uint32_t room = conn->wbuf.size - (conn->rx_cnt - conn->fwd_cnt);

	if (conn->guest_shut & CONN_SHUT_SEND || pkt->len > room)
		conn_reset(conn);
	else
		conn_forward(conn, iov, n, pkt->len);
}

/* Every packet tells of credit, and that is all there is to this one. */
static void on_credit_update(struct conn *conn _unused_, const struct pkt *pkt _unused_,
			     const struct iovec *iov _unused_, size_t n _unused_)
{
}

static void on_credit_request(struct conn *conn, const struct pkt *pkt _unused_,
			      const struct iovec *iov _unused_, size_t n _unused_)
{
	conn_due(conn, CONN_P_CREDIT_UPDATE);
}

/**
 * struct input - an operation
 * @requested: allowed in CONN_REQUESTED; all are in CONN_OPEN
 */
struct input {
	bool requested;
	void (*handle)(struct conn *conn, const struct pkt *pkt, const struct iovec *iov, size_t n);
};

/* REQUEST is not among them: a second one for the same ports breaks the protocol. */
static const struct input inputs[] = {
	[VIRTIO_VSOCK_OP_RESPONSE] = {true, on_response},
	[VIRTIO_VSOCK_OP_RST] = {true, on_rst},
	[VIRTIO_VSOCK_OP_SHUTDOWN] = {false, on_shutdown},
	[VIRTIO_VSOCK_OP_RW] = {false, on_rw},
	[VIRTIO_VSOCK_OP_CREDIT_UPDATE] = {false, on_credit_update},
	[VIRTIO_VSOCK_OP_CREDIT_REQUEST] = {false, on_credit_request},
};

void conn_input(struct conn *conn, const struct pkt *pkt, const struct iovec *iov, size_t n)
{
	const struct input *input = pkt->op < ARRAY_SIZE(inputs) ? &inputs[pkt->op] : NULL;

	if (conn->state == CONN_DEAD) {
		/* A reset is due. When the guest sent one itself, it needs none. */
		if (pkt->op == VIRTIO_VSOCK_OP_RST)
			conn_dead(conn);
		return;
	}
	if (!input || !input->handle || (conn->state == CONN_REQUESTED && !input->requested) ||
	    !learn_credit(conn, pkt)) {
		conn_reset(conn);
		return;
	}
	input->handle(conn, pkt, iov, n);
}
