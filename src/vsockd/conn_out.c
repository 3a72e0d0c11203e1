/* SPDX-License-Identifier: Apache-2.0 */
/* Packets to the guest. */
#include <errno.h>

#include "base/macro.h"
#include "vsockd/conn_impl.h"
#include "vsockd/guest.h"

/* Bytes that one connection may move before it is another's turn. */
#define QUANTUM 65536

static const uint16_t ops[] = {
	VIRTIO_VSOCK_OP_REQUEST,	VIRTIO_VSOCK_OP_RESPONSE, VIRTIO_VSOCK_OP_CREDIT_UPDATE,
	VIRTIO_VSOCK_OP_CREDIT_REQUEST, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_OP_RST,
};
_Static_assert(CONN_P_RST == 1 << (ARRAY_SIZE(ops) - 1), "in the order of enum conn_pending");

static struct pkt make(const struct conn *conn, uint16_t op)
{
	return (struct pkt){
		.src_cid = PKT_CID_HOST,
		.dst_cid = conn->d->config.guest_cid,
		.src_port = conn->host_port,
		.dst_port = conn->guest_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ? conn->host_shut : 0,
		.buf_alloc = conn->wbuf.size,
		.fwd_cnt = conn->fwd_cnt,
	};
}

/* A packet is on the ring: what follows from it. */
static void sent(struct conn *conn, unsigned int bit)
{
	conn->pending &= (uint8_t)~bit;
	conn->told_fwd_cnt = conn->fwd_cnt;
	if (bit == CONN_P_RESPONSE)
		conn_run(conn);
	if (bit == CONN_P_SHUTDOWN && conn->host_shut == CONN_SHUT_BOTH)
		conn_deadline(conn, conn->d->config.close_ns);
}

bool conn_control(struct conn *conn)
{
	while (conn->pending) {
		int i = __builtin_ctz(conn->pending);
		struct pkt pkt = make(conn, ops[i]);

		if (!guest_send(conn->d, &pkt))
			return false;
		sent(conn, 1u << i);
	}
	list_del(&conn->control);
	conn_reap(conn);
	return true;
}

uint32_t conn_credit(const struct conn *conn)
{
	uint32_t in_flight = conn->tx_cnt - conn->peer_fwd_cnt;

	return conn->peer_buf_alloc > in_flight ? conn->peer_buf_alloc - in_flight : 0;
}

enum conn_pull conn_pull(struct conn *conn)
{
	const uint32_t room = conn_credit(conn);
	struct pkt pkt = make(conn, VIRTIO_VSOCK_OP_RW);
	ssize_t n;

	if (!conn_may_pull(conn))
		return CONN_PULL_IDLE;
	if (room == 0) {
		if (!conn->asked)
			conn_due(conn, CONN_P_CREDIT_REQUEST);
		conn->asked = true;
		return CONN_PULL_IDLE;
	}
	n = guest_stream(conn->d, &pkt, conn->io.fd, MIN(room, QUANTUM));
	if (n > 0) {
		conn->tx_cnt += (uint32_t)n;
		conn->told_fwd_cnt = conn->fwd_cnt;
		return CONN_PULL_MORE;
	}
	if (n == -ENOBUFS)
		return CONN_PULL_STARVED;
	conn->readable = n == -EINTR;
	if (n == 0)
		conn_host_ends(conn, CONN_SHUT_SEND);
	else if (n != -EAGAIN && n != -EINTR)
		conn_host_ends(conn, CONN_SHUT_BOTH);
	return conn->readable ? CONN_PULL_MORE : CONN_PULL_IDLE;
}
