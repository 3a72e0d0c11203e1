/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that break the rules, or use them up. */
#include "vsockd/test-fake.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"

#define REQUEST	       VIRTIO_VSOCK_OP_REQUEST
#define RESPONSE       VIRTIO_VSOCK_OP_RESPONSE
#define RST	       VIRTIO_VSOCK_OP_RST
#define SHUTDOWN       VIRTIO_VSOCK_OP_SHUTDOWN
#define RW	       VIRTIO_VSOCK_OP_RW
#define CREDIT_UPDATE  VIRTIO_VSOCK_OP_CREDIT_UPDATE
#define CREDIT_REQUEST VIRTIO_VSOCK_OP_CREDIT_REQUEST

static struct fake f;
static uint8_t block[FAKE_TX_LEN + 1];

static void send_op(uint16_t op, uint32_t host_port, uint32_t guest_port)
{
	fake_tx(&f, fake_pkt(op, host_port, guest_port), NULL);
}

static void send_block(uint32_t host_port, uint32_t guest_port, uint32_t len)
{
	struct pkt pkt = fake_pkt(RW, host_port, guest_port);

	pkt.len = len;
	fake_tx(&f, pkt, block);
}

static void packets_to_nobody(void)
{
	static const uint16_t ops[] = {RESPONSE,       SHUTDOWN, RW, CREDIT_UPDATE,
				       CREDIT_REQUEST, 0,	 99};

	fake_up(&f);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		send_op(ops[i], 1, 2);
		fake_expect(&f, RST, 1, 2);
	}
	send_op(RST, 1, 2);
	fake_expect_none(&f);
	fake_close(&f);
}

static void packets_of_others(void)
{
	struct pkt pkt = fake_pkt(REQUEST, 1, 2), back;

	fake_up(&f);
	pkt.src_cid = 4;
	fake_tx(&f, pkt, NULL);
	fake_expect_none(&f);
	pkt.src_cid = 0;
	pkt.dst_cid = 77;
	fake_tx(&f, pkt, NULL);
	back = fake_expect(&f, RST, 1, 2);
	test_int(back.src_cid, 77);
	pkt.dst_cid = 0;
	pkt.type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	fake_tx(&f, pkt, NULL);
	back = fake_expect(&f, RST, 1, 2);
	test_int(back.type, VIRTIO_VSOCK_TYPE_SEQPACKET);
	fake_close(&f);
}

/** struct lie - a packet that ends a connection which is open, or waits for RESPONSE */
struct lie {
	const char *what;
	struct pkt pkt;
};

static const struct lie open_lies[] = {
	{"second request", {.op = REQUEST}},
	{"response to nothing", {.op = RESPONSE}},
	{"count of bytes never sent", {.op = CREDIT_UPDATE, .fwd_cnt = 1}},
	{"more of them", {.op = CREDIT_UPDATE, .fwd_cnt = 0x7fffffff}},
};

static const struct lie requested_lies[] = {
	{"data too early", {.op = RW}},
	{"shutdown too early", {.op = SHUTDOWN, .flags = 3}},
	{"credit too early", {.op = CREDIT_UPDATE}},
	{"request for it", {.op = REQUEST}},
	{"response with a lie", {.op = RESPONSE, .fwd_cnt = 9}},
};

static void tell(const struct lie *lie, uint32_t port)
{
	struct pkt pkt = lie->pkt, back;

	pkt.src_port = 5;
	pkt.dst_port = port;
	fake_tx(&f, pkt, NULL);
	if (!fake_rx(&f, &back, NULL) || back.op != RST)
		test_fail("\"%s\" was accepted", lie->what);
	test_int(f.d->table.n_used, 0);
}

static void lies_end_the_connection(void)
{
	struct pkt pkt;
	uint32_t port;
	int fd;

	fake_up(&f);
	for (size_t i = 0; i < ARRAY_SIZE(open_lies); i++) {
		fd = fake_host_opens(&f, 5, &port);
		tell(&open_lies[i], port);
		fake_read_gone(fd);
		close(fd);
	}
	for (size_t i = 0; i < ARRAY_SIZE(requested_lies); i++) {
		fd = fake_connect(&f, "CONNECT 5\n");
		test_true(fake_rx(&f, &pkt, NULL));
		tell(&requested_lies[i], pkt.src_port);
		fake_read_gone(fd);
		close(fd);
	}
	fake_expect_none(&f);
	fake_close(&f);
}

static void data_after_its_end(void)
{
	struct pkt pkt;
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	pkt = fake_pkt(SHUTDOWN, port, 5);
	pkt.flags = VIRTIO_VSOCK_SHUTDOWN_SEND;
	fake_tx(&f, pkt, NULL);
	send_block(port, 5, 1);
	fake_expect(&f, RST, port, 5);
	fake_read_end(fd);
	close(fd);
	fake_close(&f);
}

/* Two processors of the guest may bring their packets in either order. */
static void older_counts_are_no_lies(void)
{
	struct pkt pkt;
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	fake_write(fd, "12345");
	fake_settle(&f);
	fake_expect(&f, RW, port, 5);
	pkt = fake_pkt(CREDIT_UPDATE, port, 5);
	pkt.fwd_cnt = 5;
	fake_tx(&f, pkt, NULL);
	pkt.fwd_cnt = 2;
	pkt.buf_alloc = 3;
	fake_tx(&f, pkt, NULL);
	fake_write(fd, "678");
	fake_settle(&f);
	test_int(fake_expect(&f, RW, port, 5).len, 3);
	fake_expect(&f, CREDIT_REQUEST, port, 5);
	fake_expect_none(&f);
	close(fd);
	fake_close(&f);
}

static void credit_overrun(void)
{
	uint32_t port, credit, sent = 0;
	struct pkt pkt;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	send_op(CREDIT_REQUEST, port, 5);
	pkt = fake_expect(&f, CREDIT_UPDATE, port, 5);
	credit = pkt.buf_alloc;
	/* The program does not read; all that there is credit for is taken, to the last byte. */
	while (sent - pkt.fwd_cnt < credit) {
		uint32_t n = MIN(credit - (sent - pkt.fwd_cnt), (uint32_t)FAKE_TX_LEN);

		send_block(port, 5, n);
		sent += n;
		send_op(CREDIT_REQUEST, port, 5);
		while (fake_rx(&f, &pkt, NULL))
			test_int(pkt.op, CREDIT_UPDATE);
	}
	send_op(CREDIT_REQUEST, port, 5);
	pkt = fake_expect(&f, CREDIT_UPDATE, port, 5);
	test_int(sent - pkt.fwd_cnt, credit);
	send_block(port, 5, 1);
	fake_expect(&f, RST, port, 5);
	close(fd);
	fake_settle(&f);
	test_int(f.d->table.n_used, 0);
	fake_close(&f);
}

/* One packet larger than all credit, though the program would take it. */
static void packet_above_all_credit(void)
{
	static int fds[100];
	uint32_t port;
	int n = 0;

	fake_up(&f);
	do
		fds[n++] = fake_host_opens(&f, 5, &port);
	while (table_find(&f.d->table, port, 5)->wbuf.size > FAKE_TX_LEN);
	send_block(port, 5, FAKE_TX_LEN);
	test_int(recv(fds[n - 1], block, sizeof(block), 0), FAKE_TX_LEN);
	fake_expect(&f, CREDIT_UPDATE, port, 5);
	send_block(port, 5, FAKE_TX_LEN + 1);
	fake_expect(&f, RST, port, 5);
	while (n > 0)
		close(fds[--n]);
	fake_close(&f);
}

/* Credit counts in 32 bits that wrap, on both sides. */
static void counts_wrap(void)
{
	uint32_t port, told;
	struct conn *conn;
	struct pkt pkt;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	conn = table_find(&f.d->table, port, 5);
	conn->tx_cnt = conn->peer_fwd_cnt = 0xfffffffe;
	conn->rx_cnt = conn->fwd_cnt = conn->told_fwd_cnt = 0xfffffffd;
	fake_write(fd, "1234");
	fake_settle(&f);
	test_int(fake_expect(&f, RW, port, 5).fwd_cnt, 0xfffffffd);
	pkt = fake_pkt(RW, port, 5);
	pkt.len = 6;
	pkt.fwd_cnt = 0; /* two of the four */
	pkt.buf_alloc = 5;
	fake_tx(&f, pkt, "abcdef");
	fake_read(fd, "abcdef");
	fake_write(fd, "5678");
	fake_settle(&f);
	pkt = fake_expect(&f, RW, port, 5);
	test_int(pkt.len, 3);
	told = pkt.fwd_cnt;
	test_int(told, 3);
	fake_expect(&f, CREDIT_REQUEST, port, 5);
	close(fd);
	fake_close(&f);
}

/* Answers without end, and no buffer to put them in: the device stops taking packets. */
static void refusals_are_bounded(void)
{
	unsigned int sent = 0, taken, back = 0;
	struct pkt pkt;

	fake_up(&f);
	f.rx_keep = FAKE_RING_SIZE;
	do {
		taken = sent;
		while (fake_tx_queue(&f, fake_pkt(RW, sent, 7), NULL))
			sent++;
		fake_kick(&f, VHU_TX);
		fake_settle(&f);
	} while (sent > taken);
	test_int(f.d->refusals_n, VSOCKD_REFUSALS_MAX);
	test_int(sent, FAKE_RING_SIZE + VSOCKD_REFUSALS_MAX + FAKE_RING_SIZE / 2);
	/* None is lost once there are buffers again. */
	f.rx_keep = 0;
	for (int rounds = 0; rounds < 100 && back < sent; rounds++) {
		while (fake_rx(&f, &pkt, NULL)) {
			test_int(pkt.op, RST);
			test_int(pkt.src_port, back++);
		}
		fake_settle(&f);
	}
	test_int(back, sent);
	fake_close(&f);
}

/* No buffers: nothing is read from programs, nothing is lost. */
static void no_buffers_no_loss(void)
{
	struct pkt pkt;
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	f.rx_keep = FAKE_RING_SIZE;
	for (int i = 0; i < FAKE_RING_SIZE; i++)
		send_op(CREDIT_REQUEST, port, 5);
	fake_write(fd, "held back");
	shutdown(fd, SHUT_WR);
	send_op(CREDIT_REQUEST, port, 5);
	for (int i = 0; i < FAKE_RING_SIZE - 2; i++)
		fake_expect(&f, CREDIT_UPDATE, port, 5);
	f.rx_keep = 0;
	fake_post(&f, FAKE_RING_SIZE - f.rx_posted);
	fake_kick(&f, VHU_RX);
	fake_settle(&f);
	while (fake_rx(&f, &pkt, NULL) && pkt.op == CREDIT_UPDATE)
		;
	test_int(pkt.op, RW);
	test_int(pkt.len, 9);
	fake_expect(&f, SHUTDOWN, port, 5);
	close(fd);
	fake_close(&f);
}

static void table_full(void)
{
	static int fds[TABLE_SLOTS];
	int listener, extra;

	fake_up(&f);
	listener = fake_listen(&f, 1, 4096);
	for (uint32_t i = 0; i < TABLE_SLOTS; i++)
		fds[i] = fake_guest_opens(&f, listener, 1, 1000 + i);
	send_op(REQUEST, 1, 10);
	fake_expect(&f, RST, 1, 10);
	extra = fake_connect(&f, "");
	fake_read_end(extra);
	close(extra);
	/* One goes, one comes. */
	send_op(RST, 1, 1005);
	fake_read_end(fds[5]);
	close(fds[5]);
	/* The program that got nothing is in the listener's queue still. */
	close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	fds[5] = fake_guest_opens(&f, listener, 1, 10);
	for (uint32_t i = 0; i < TABLE_SLOTS; i++)
		close(fds[i]);
	fake_settle(&f);
	close(listener);
	fake_close(&f);
}

/* Half-dead connections: opened and never heard of again, or closed by the host only. */
static void half_dead_ones_cost_only_slots(void)
{
	struct pkt pkt;
	int listener;

	fake_up(&f);
	listener = fake_listen(&f, 1, 4096);
	for (uint32_t i = 0; i < 3000; i++) {
		fake_tx(&f, fake_pkt(REQUEST, 1, i), NULL);
		test_true(fake_rx(&f, &pkt, NULL));
		test_int(pkt.op, i < TABLE_SLOTS ? RESPONSE : RST);
	}
	test_int(f.d->table.n_used, TABLE_SLOTS);
	close(listener);
	fake_settle(&f);
	while (fake_rx(&f, &pkt, NULL))
		fake_settle(&f);
	fake_close(&f);
}

int main(void)
{
	log_init("test", -1, LOG_LEVEL_ERROR);
	test_run(packets_to_nobody);
	test_run(packets_of_others);
	test_run(lies_end_the_connection);
	test_run(data_after_its_end);
	test_run(older_counts_are_no_lies);
	test_run(credit_overrun);
	test_run(packet_above_all_credit);
	test_run(counts_wrap);
	test_run(refusals_are_bounded);
	test_run(no_buffers_no_loss);
	test_run(table_full);
	test_run(half_dead_ones_cost_only_slots);
	return 0;
}
