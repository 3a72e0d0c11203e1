/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings, and the pump that moves everything through them once a turn of the loop.
 *
 * The guest need not tell us of new buffers while packets of its own, or sockets of the host, wake
 * us anyhow: the receive ring asks for notifications only while something waits for a buffer, the
 * transmit ring only while it is empty.
 */
#include "vsockd/guest.h"

#include <errno.h>

#include "base/log.h"
#include "base/seal.h"
#include "vsockd/host.h"
#include "vsockd/iov.h"

/* Work of one turn, so that nobody waits long: packets from the guest, and turns of connections. */
#define TX_BATCH  64
#define RUN_BATCH 16

/* Buffers of the guest that one readv() may fill: 64 KiB in pages and a few more. */
#define STREAM_CHAINS 20

static struct virtq *ring(struct vsockd *d, int index)
{
	return &d->vhu.queues[index].ring;
}

static void broken(struct vsockd *d, const char *what)
{
	if (!d->broken && vhu_may_complain(&d->vhu))
		log_warn("the guest broke its %s ring; no vsock until it resets the device", what);
	d->broken = true;
}

/* A chain of the receive ring, of which @max pieces fit in @iov. Return: as virtq_pop(). */
static int take_buffer(struct vsockd *d, struct iovec *iov, size_t max, struct virtq_chain *chain)
{
	int r;

	if (!d->vhu.running || d->broken)
		return 0;
	r = virtq_pop(ring(d, VHU_RX), &d->vhu.mem, VIRTQ_WRITABLE, iov, max, chain);
	/* Smaller ones than this hold no packet. */
	if (r == 1 && chain->len <= PKT_HDR_SIZE)
		r = -EPROTO;
	if (r == -EPROTO)
		broken(d, "receive");
	return r;
}

bool guest_send(struct vsockd *d, const struct pkt *pkt)
{
	struct virtq_chain chain;
	uint8_t raw[PKT_HDR_SIZE];

	if (take_buffer(d, d->iov, VSOCKD_IOV_MAX, &chain) != 1)
		return false;
	pkt_encode(pkt, raw);
	iov_write(chain.iov, chain.n_iov, raw, sizeof(raw));
	virtq_put(ring(d, VHU_RX), chain.head, sizeof(raw));
	return true;
}

/* Put headers in front of @len bytes that were read into the payload of these chains. */
static void send_stream(struct vsockd *d, struct pkt pkt, const struct virtq_chain *chains,
			unsigned int n, size_t len)
{
	unsigned int used = 0;
	uint8_t raw[PKT_HDR_SIZE];

	for (; len > 0; used++) {
		const struct virtq_chain *chain = &chains[used];

		pkt.len = (uint32_t)MIN(len, chain->len - PKT_HDR_SIZE);
		pkt_encode(&pkt, raw);
		iov_write(chain->iov, chain->n_iov, raw, sizeof(raw));
		virtq_put(ring(d, VHU_RX), chain->head, PKT_HDR_SIZE + pkt.len);
		len -= pkt.len;
	}
	virtq_unpop(ring(d, VHU_RX), (uint16_t)(n - used));
}

SEAL_ALLOW(readv);

ssize_t guest_stream(struct vsockd *d, const struct pkt *pkt, int fd, size_t max)
{
	struct virtq_chain chains[STREAM_CHAINS];
	size_t n_iov = 0, n_payload = 0, room = 0;
	unsigned int n = 0;
	ssize_t len;

	while (n < STREAM_CHAINS && room < max) {
		struct virtq_chain *chain = &chains[n];

		if (take_buffer(d, d->iov + n_iov, VSOCKD_IOV_MAX - n_iov, chain) != 1)
			break;
		n_iov += chain->n_iov;
		n_payload += iov_window(d->payload + n_payload, chain->iov, chain->n_iov,
					PKT_HDR_SIZE, max - room);
		room += MIN(chain->len - PKT_HDR_SIZE, max - room);
		n++;
	}
	if (n == 0)
		return -ENOBUFS;
	len = readv(fd, d->payload, (int)n_payload);
	if (len <= 0) {
		len = len < 0 ? -errno : 0;
		virtq_unpop(ring(d, VHU_RX), (uint16_t)n);
		return len;
	}
	send_stream(d, *pkt, chains, n, (size_t)len);
	return len;
}

void guest_refuse(struct vsockd *d, const struct pkt *pkt)
{
	unsigned int at = (d->refusals_at + d->refusals_n) % VSOCKD_REFUSALS_MAX;

	if (pkt->op == VIRTIO_VSOCK_OP_RST || d->refusals_n == VSOCKD_REFUSALS_MAX)
		return;
	d->refusals[at] = (struct vsockd_refusal){
		.cid = pkt->dst_cid,
		.host_port = pkt->dst_port,
		.guest_port = pkt->src_port,
		.type = pkt->type,
	};
	d->refusals_n++;
}

static bool send_refusals(struct vsockd *d)
{
	while (d->refusals_n > 0) {
		const struct vsockd_refusal *refusal = &d->refusals[d->refusals_at];
		const struct pkt pkt = {
			.src_cid = refusal->cid,
			.dst_cid = d->config.guest_cid,
			.src_port = refusal->host_port,
			.dst_port = refusal->guest_port,
			.type = refusal->type,
			.op = VIRTIO_VSOCK_OP_RST,
		};

		if (!guest_send(d, &pkt))
			return false;
		d->refusals_at = (d->refusals_at + 1) % VSOCKD_REFUSALS_MAX;
		d->refusals_n--;
	}
	return true;
}

static void handle_packet(struct vsockd *d, const struct pkt *pkt, const struct virtq_chain *chain)
{
	struct conn *conn;
	size_t n;

	switch (pkt_check(pkt, d->config.guest_cid, chain->len - PKT_HDR_SIZE)) {
	case PKT_IGNORE:
		return;
	case PKT_REFUSE:
		guest_refuse(d, pkt);
		return;
	case PKT_ACCEPT:
		break;
	}
	conn = table_find(&d->table, pkt->dst_port, pkt->src_port);
	if (conn) {
		n = iov_window(d->payload, chain->iov, chain->n_iov, PKT_HDR_SIZE, pkt->len);
		conn_input(conn, pkt, d->payload, n);
	} else if (pkt->op == VIRTIO_VSOCK_OP_REQUEST) {
		conn_accept(d, pkt);
	} else {
		guest_refuse(d, pkt);
	}
}

/* Packets from the guest. Return: true: the ring may hold more. */
static bool receive(struct vsockd *d)
{
	struct virtq *vq = ring(d, VHU_TX);
	struct virtq_chain chain;
	uint8_t raw[PKT_HDR_SIZE];
	struct pkt pkt;
	int r = 1;

	for (int i = 0; i < TX_BATCH; i++) {
		/* Each packet may need an answer, so none is taken without room for one. */
		if (d->broken || d->refusals_n == VSOCKD_REFUSALS_MAX)
			return false;
		r = virtq_pop(vq, &d->vhu.mem, VIRTQ_READABLE, d->iov, VSOCKD_IOV_MAX, &chain);
		if (r <= 0)
			break;
		if (iov_read(chain.iov, chain.n_iov, raw, sizeof(raw)) < sizeof(raw)) {
			r = -EPROTO;
			break;
		}
		pkt_decode(&pkt, raw);
		handle_packet(d, &pkt, &chain);
		virtq_put(vq, chain.head, 0);
	}
	if (r < 0)
		broken(d, "transmit");
	return r > 0;
}

/* Packets that are due. Return: false: there are more than the guest has buffers. */
static bool send_control(struct vsockd *d)
{
	if (!send_refusals(d))
		return false;
	while (!list_empty(&d->control))
		if (!conn_control(list_first(&d->control, struct conn, control)))
			return false;
	return true;
}

/* Bytes of the host, each connection in its turn. Return: false: the guest has no more buffers. */
static bool send_streams(struct vsockd *d)
{
	for (int i = 0; i < RUN_BATCH && !list_empty(&d->run); i++) {
		struct conn *conn = list_first(&d->run, struct conn, run);
		enum conn_pull pull = conn_pull(conn);

		if (pull == CONN_PULL_STARVED)
			return false;
		list_del(&conn->run);
		if (pull != CONN_PULL_MORE)
			continue;
		list_append(&d->run, &conn->run);
		/* The guest should be at work before we look whether there is more. */
		virtq_flush(ring(d, VHU_RX));
	}
	return true;
}

static void tx_call_due(struct loop_timer *timer)
{
	struct vsockd *d = container_of(timer, struct vsockd, tx_call);

	virtq_signal(ring(d, VHU_TX));
}

/*
 * Show the guest which of its packets were taken. It has little to do about them, so the interrupt
 * waits for one that brings a packet, unless that takes long or many wait for it: most questions
 * have an answer, and an interrupt costs as much as either.
 */
static void finish_packets(struct vsockd *d, bool interrupted)
{
	struct virtq *tx = ring(d, VHU_TX);
	uint16_t waiting = virtq_publish(tx);

	if (waiting == 0)
		return;
	if (interrupted || waiting >= tx->size / 4) {
		loop_timer_stop(&d->tx_call);
		virtq_signal(tx);
	} else if (list_empty(&d->tx_call.link)) {
		loop_timer_start(d->loop, &d->tx_call, loop_now(d->loop) + d->config.tx_call_ns,
				 tx_call_due);
	}
}

/* Everything of one turn. Return: true: there is more to do at once. */
static bool turn(struct vsockd *d)
{
	struct virtq *rx = ring(d, VHU_RX), *tx = ring(d, VHU_TX);
	const uint16_t before = rx->published;
	bool again, fed;

	virtq_quiet(tx);
	again = receive(d);
	/* At the end of a stream there is a packet to say so. */
	fed = send_control(d) && send_streams(d) && send_control(d);
	virtq_flush(rx);
	finish_packets(d, rx->published != before);
	if (fed) {
		virtq_quiet(rx);
		again |= !list_empty(&d->run);
	} else {
		again |= virtq_wake(rx);
	}
	if (!again && d->refusals_n < VSOCKD_REFUSALS_MAX)
		again = virtq_wake(tx);
	return again;
}

static void pump(struct loop_defer *defer)
{
	struct vsockd *d = container_of(defer, struct vsockd, pump);

	if (d->leaving && d->table.n_used == 0)
		d->gone(d, d->status);
	if (!d->vhu.running)
		return;
	if (turn(d) && !d->broken)
		guest_pump(d);
	else
		loop_defer_stop(&d->pump);
	if (d->broken)
		vhu_fail(&d->vhu);
}

void guest_pump(struct vsockd *d)
{
	loop_defer_start(d->loop, &d->pump, pump);
}

static void for_each(struct vsockd *d, void (*func)(struct conn *conn))
{
	for (unsigned int i = 0; i < d->table.touched; i++)
		if (d->table.slots[i].state != CONN_FREE)
			func(&d->table.slots[i]);
}

/* The guest's driver knows nothing of what was before. */
static void forget(struct conn *conn)
{
	if (!conn_survives_reset(conn))
		conn_drop(conn);
}

static void on_start(struct vhu *vhu, bool fresh)
{
	struct vsockd *d = container_of(vhu, struct vsockd, vhu);

	d->broken = false;
	if (fresh) {
		for_each(d, forget);
		d->refusals_n = 0;
	}
	guest_pump(d);
}

/* What the guest sent before it stopped counts: the last lines of a program, for instance. */
static void on_stop(struct vhu *vhu)
{
	struct vsockd *d = container_of(vhu, struct vsockd, vhu);

	for (unsigned int i = 0; i <= VIRTQ_SIZE_MAX / TX_BATCH && !d->broken && receive(d); i++)
		(void)send_control(d);
	virtq_flush(ring(d, VHU_RX));
	virtq_flush(ring(d, VHU_TX));
	loop_timer_stop(&d->tx_call);
	if (d->broken)
		for_each(d, forget);
}

static void on_kick(struct vhu *vhu)
{
	guest_pump(container_of(vhu, struct vsockd, vhu));
}

static void on_gone(struct vhu *vhu, int status)
{
	struct vsockd *d = container_of(vhu, struct vsockd, vhu);

	d->leaving = true;
	d->status = status;
	host_stop(d);
	for_each(d, conn_abandon);
	guest_pump(d);
}

const struct vhu_ops guest_ops = {
	.start = on_start,
	.stop = on_stop,
	.kick = on_kick,
	.gone = on_gone,
};
