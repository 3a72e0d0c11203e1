/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Much data, many connections, and everything at random: each byte that arrives is compared with
 * the one that was sent, in both directions.
 */
#include "vsockd/test-fake.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"

#define PEERS	   1000
#define GUEST_PORT 10000 /* of peer i: this + i */
#define LISTENER   1
#define BLOCK	   65536
#define PERIOD	   65521 /* prime, so that no buffer size hides a shift by whole buffers */

/** enum dir - who sends */
enum dir {
	FROM_HOST,
	FROM_GUEST,
	N_DIRS,
};

/**
 * struct peer - both ends of one connection
 * @fd: the program's socket, -EBADF once closed
 * @sent, @got: bytes of each direction; @shut: its sender has ended it; @end: its receiver saw that
 * @reset: the guest got or sent a reset
 * @room: the guest's buffer; @used: bytes of the host that its program took
 * @alloc, @fwd: what the device said of its own buffer
 */
struct peer {
	int fd;
	uint32_t host_port;
	bool guest_opens, open, reset;
	uint64_t sent[N_DIRS], got[N_DIRS];
	bool shut[N_DIRS], end[N_DIRS];
	uint32_t room, used, alloc, fwd;
};

static struct fake f;
static struct peer peers[PEERS];
static int listener;
static uint8_t pattern[PERIOD + BLOCK + PEERS], block[BLOCK];
static uint64_t seed;

static uint32_t roll(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % below;
}

static const uint8_t *expected(const struct peer *p, enum dir dir, uint64_t offset)
{
	return pattern + (offset + (dir == FROM_GUEST ? PERIOD / 2 : 0)) % PERIOD + (p - peers);
}

static void check(struct peer *p, enum dir dir, const void *data, size_t len)
{
	if (memcmp(data, expected(p, dir, p->got[dir]), len) != 0)
		test_fail("peer %td: wrong bytes at %llu", p - peers,
			  (unsigned long long)p->got[dir]);
	p->got[dir] += len;
	test_true(p->got[dir] <= p->sent[dir]);
}

static struct pkt header(const struct peer *p, uint16_t op)
{
	struct pkt pkt = fake_pkt(op, p->host_port, GUEST_PORT + (uint32_t)(p - peers));

	pkt.buf_alloc = p->room;
	pkt.fwd_cnt = p->used;
	return pkt;
}

/* False: the ring is full, so nothing was sent. */
static bool guest_sends(struct peer *p, uint16_t op)
{
	return fake_tx_queue(&f, header(p, op), NULL);
}

static void guest_opens(struct peer *p)
{
	p->guest_opens = true;
	p->host_port = LISTENER;
	while (!guest_sends(p, VIRTIO_VSOCK_OP_REQUEST)) {
		fake_kick(&f, VHU_TX);
		fake_settle(&f);
	}
	fake_kick(&f, VHU_TX);
	fake_settle(&f);
	p->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	test_true(p->fd >= 0);
}

static void host_opens(struct peer *p)
{
	char line[32];

	snprintf(line, sizeof(line), "CONNECT %td\n", GUEST_PORT + (p - peers));
	p->fd = fake_connect(&f, line);
}

/* The answer to the line, which the program must read before anything else. */
static void read_ok(struct peer *p)
{
	char line[32];

	if (p->guest_opens || p->fd < 0)
		return;
	snprintf(line, sizeof(line), "OK %u\n", p->host_port);
	test_int(recv(p->fd, block, strlen(line), 0), strlen(line));
	test_mem(block, line, strlen(line));
}

/* Packets that the guest must answer at once, so they wait for room in its ring. */
static void guest_answers(struct peer *p, uint16_t op)
{
	while (!guest_sends(p, op)) {
		fake_kick(&f, VHU_TX);
		fake_settle(&f);
	}
	fake_kick(&f, VHU_TX);
}

static void guest_gets(struct peer *p, const struct pkt *pkt, const uint8_t *payload)
{
	p->alloc = pkt->buf_alloc;
	p->fwd = pkt->fwd_cnt;
	test_true((uint32_t)p->sent[FROM_GUEST] - p->fwd <= p->alloc);
	switch (pkt->op) {
	case VIRTIO_VSOCK_OP_REQUEST:
		p->host_port = pkt->src_port;
		guest_answers(p, VIRTIO_VSOCK_OP_RESPONSE);
		fake_settle(&f);
		read_ok(p);
		p->open = true;
		break;
	case VIRTIO_VSOCK_OP_RESPONSE:
		p->open = true;
		break;
	case VIRTIO_VSOCK_OP_RW:
		test_true(!p->end[FROM_HOST]);
		check(p, FROM_HOST, payload, pkt->len);
		test_true((uint32_t)p->got[FROM_HOST] - p->used <= p->room);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		guest_answers(p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		if (pkt->flags & VIRTIO_VSOCK_SHUTDOWN_SEND) {
			test_true(p->end[FROM_HOST] || p->shut[FROM_HOST]);
			p->end[FROM_HOST] = true;
		}
		if (pkt->flags == 3) {
			p->reset = true;
			guest_answers(p, VIRTIO_VSOCK_OP_RST);
		}
		break;
	case VIRTIO_VSOCK_OP_RST:
		p->reset = true;
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	default:
		test_fail("strange packet %d", pkt->op);
	}
}

static void guest_reads_ring(unsigned int max)
{
	static uint8_t payload[FAKE_RX_LEN];
	struct pkt pkt;

	while (max-- > 0 && fake_rx(&f, &pkt, payload)) {
		test_true(pkt.dst_port >= GUEST_PORT && pkt.dst_port < GUEST_PORT + PEERS);
		guest_gets(&peers[pkt.dst_port - GUEST_PORT], &pkt, payload);
	}
}

/* The program in the guest takes bytes; the guest says so when much has become free. */
static void guest_program_reads(struct peer *p, uint32_t max)
{
	uint32_t waiting = (uint32_t)p->got[FROM_HOST] - p->used;

	if (p->reset || !p->open)
		return;
	p->used += MIN(waiting, max);
	if (waiting > 0)
		guest_answers(p, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
}

static bool guest_program_writes(struct peer *p, uint32_t max)
{
	uint32_t room = p->alloc - ((uint32_t)p->sent[FROM_GUEST] - p->fwd);
	struct pkt pkt = header(p, VIRTIO_VSOCK_OP_RW);

	pkt.len = MIN(max, room);
	if (p->reset || !p->open || p->shut[FROM_GUEST] || pkt.len == 0 ||
	    !fake_tx_queue(&f, pkt, expected(p, FROM_GUEST, p->sent[FROM_GUEST])))
		return false;
	p->sent[FROM_GUEST] += pkt.len;
	return true;
}

static void guest_program_ends(struct peer *p)
{
	struct pkt pkt = header(p, VIRTIO_VSOCK_OP_SHUTDOWN);

	pkt.flags = VIRTIO_VSOCK_SHUTDOWN_SEND;
	if (p->reset || !p->open || p->shut[FROM_GUEST] || !fake_tx_queue(&f, pkt, NULL))
		return;
	p->shut[FROM_GUEST] = true;
}

static bool host_writes(struct peer *p, size_t max)
{
	ssize_t n;

	if (p->fd < 0 || !p->open || p->shut[FROM_HOST])
		return false;
	n = send(p->fd, expected(p, FROM_HOST, p->sent[FROM_HOST]), max, MSG_NOSIGNAL);
	if (n < 0)
		test_int(errno, EAGAIN);
	p->sent[FROM_HOST] += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool host_reads(struct peer *p, size_t max)
{
	ssize_t n;

	if (p->fd < 0 || !p->open || p->end[FROM_GUEST])
		return false;
	n = recv(p->fd, block, max, 0);
	if (n > 0)
		check(p, FROM_GUEST, block, (size_t)n);
	else if (n < 0)
		test_int(errno, EAGAIN);
	else
		p->end[FROM_GUEST] = true;
	return n > 0;
}

static void host_ends(struct peer *p)
{
	if (p->fd >= 0 && p->open && !p->shut[FROM_HOST])
		(void)shutdown(p->fd, SHUT_WR);
	p->shut[FROM_HOST] |= p->open;
}

/* Programs that are slow to read fill their sockets; the smaller these are, the sooner. */
static void shrink_socket(struct peer *p)
{
	struct conn *conn =
		table_find(&f.d->table, p->host_port, GUEST_PORT + (uint32_t)(p - peers));
	int room = (int)roll(20000);

	if (conn)
		(void)setsockopt(conn->io.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

static void host_vanishes(struct peer *p)
{
	p->fd = fd_close(p->fd);
	p->shut[FROM_HOST] = true;
}

static void begin(uint64_t first)
{
	seed = 88172645463325252u ^ (first * 0x9e3779b97f4a7c15u);
	for (size_t i = 0; i < PERIOD; i++)
		pattern[i] = (uint8_t)roll(256);
	for (size_t i = PERIOD; i < sizeof(pattern); i++)
		pattern[i] = pattern[i - PERIOD];
	memset(peers, 0, sizeof(peers));
	for (int i = 0; i < PEERS; i++) {
		peers[i].fd = -EBADF;
		peers[i].room = FAKE_GUEST_ROOM;
	}
	fake_up(&f);
	listener = fake_listen(&f, LISTENER, 4096);
}

static void end(int n)
{
	for (int i = 0; i < n; i++)
		peers[i].fd = fd_close(peers[i].fd);
	close(listener);
	fake_close(&f);
}

/* Everything that was sent has arrived, and both ends know it. */
static void check_complete(int n)
{
	for (int i = 0; i < n; i++) {
		struct peer *p = &peers[i];

		for (int dir = 0; dir < N_DIRS; dir++) {
			test_int(p->got[dir], p->sent[dir]);
			test_true(p->end[dir]);
		}
		test_true(p->reset);
	}
	test_int(f.d->table.n_used, 0);
}

static void bulk(bool host, bool guest, uint64_t total)
{
	struct peer *p = &peers[0];

	begin(1);
	host_opens(p);
	guest_reads_ring(FAKE_RING_SIZE);
	shrink_socket(p);
	while (p->got[FROM_HOST] < (host ? total : 0) || p->got[FROM_GUEST] < (guest ? total : 0)) {
		if (host && p->sent[FROM_HOST] < total)
			host_writes(p, MIN(total - p->sent[FROM_HOST], (uint64_t)BLOCK));
		if (guest && p->sent[FROM_GUEST] < total)
			guest_program_writes(
				p, (uint32_t)MIN(total - p->sent[FROM_GUEST], (uint64_t)BLOCK));
		fake_kick(&f, VHU_TX);
		fake_settle(&f);
		guest_reads_ring(FAKE_RING_SIZE);
		if (p->got[FROM_HOST] - p->used > p->room / 2)
			guest_program_reads(p, p->room);
		(void)host_reads(p, BLOCK);
	}
	host_ends(p);
	guest_program_ends(p);
	fake_kick(&f, VHU_TX);
	fake_settle(&f);
	guest_reads_ring(FAKE_RING_SIZE);
	fake_settle(&f);
	(void)host_reads(p, BLOCK);
	check_complete(1);
	end(1);
}

#define BULK_LEN (UINT64_C(128) << 20)

static void much_from_the_host(void)
{
	bulk(true, false, BULK_LEN);
}

static void much_from_the_guest(void)
{
	bulk(false, true, BULK_LEN);
}

static void much_both_ways(void)
{
	bulk(true, true, BULK_LEN);
}

/* One step of chance for one peer. */
static void act(struct peer *p, uint32_t max)
{
	switch (roll(8)) {
	case 0:
	case 1:
		(void)host_writes(p, 1 + roll(max));
		break;
	case 2:
	case 3:
		(void)host_reads(p, 1 + roll(max));
		break;
	case 4:
	case 5:
		(void)guest_program_writes(p, 1 + roll(max));
		break;
	case 6:
		guest_program_reads(p, 1 + roll(max));
		break;
	default:
		if (roll(400) == 0)
			host_ends(p);
		if (roll(400) == 0)
			guest_program_ends(p);
		break;
	}
}

/* What happens to all of them at once. */
static void act_on_all(void)
{
	switch (roll(200)) {
	case 0:
		fake_kick(&f, VHU_TX);
		fake_settle(&f);
		fake_stop(&f);
		fake_resume(&f);
		break;
	case 1:
		f.rx_keep = (uint16_t)roll(FAKE_RING_SIZE + 1);
		break;
	case 2:
		f.rx_keep = 0;
		fake_post(&f, FAKE_RING_SIZE - f.rx_posted);
		fake_kick(&f, VHU_RX);
		break;
	default:
		break;
	}
}

static void finish(int n)
{
	uint32_t open = 1;

	f.rx_keep = 0;
	fake_post(&f, FAKE_RING_SIZE - f.rx_posted);
	fake_kick(&f, VHU_RX);
	for (int round = 0; round < 100000 && open > 0; round++) {
		open = 0;
		for (int i = 0; i < n; i++) {
			struct peer *p = &peers[i];

			if (p->end[FROM_GUEST] && p->end[FROM_HOST] && p->reset)
				continue;
			open++;
			host_ends(p);
			guest_program_ends(p);
			guest_program_reads(p, UINT32_MAX);
			while (host_reads(p, BLOCK))
				;
		}
		fake_kick(&f, VHU_TX);
		fake_settle(&f);
		guest_reads_ring(FAKE_RING_SIZE);
	}
}

static void everything_at_random(uint64_t first, int n, int steps, uint32_t max)
{
	begin(first);
	for (int i = 0; i < n; i++) {
		peers[i].room = 1 + roll(roll(2) ? 300 : FAKE_GUEST_ROOM);
		if (roll(2))
			host_opens(&peers[i]);
		else
			guest_opens(&peers[i]);
		if (f.rx_posted < FAKE_RING_SIZE / 2)
			guest_reads_ring(FAKE_RING_SIZE);
		if (roll(2))
			shrink_socket(&peers[i]);
	}
	for (int i = 0; i < steps; i++) {
		act(&peers[roll((uint32_t)n)], max);
		act_on_all();
		if (roll(4) == 0)
			fake_kick(&f, VHU_TX);
		if (roll(4) == 0)
			fake_settle(&f);
		if (roll(6) == 0)
			guest_reads_ring(roll(FAKE_RING_SIZE));
	}
	finish(n);
	check_complete(n);
	end(n);
}

static void few_at_random(void)
{
	for (uint64_t i = 0; i < 30; i++)
		everything_at_random(i, 1 + (int)(i % 7), 4000, i % 3 ? 3000 : BLOCK);
}

static void a_thousand_at_random(void)
{
	everything_at_random(4711, PEERS, 100000, 5000);
}

static void tiny_pieces(void)
{
	everything_at_random(815, 5, 50000, 7);
}

/* Each end goes away without a word, at any moment: nobody hangs, and what arrived was right. */
static void sudden_ends(void)
{
	for (uint64_t i = 0; i < 200; i++) {
		const int n = 6;

		begin(1000 + i);
		for (int k = 0; k < n; k++) {
			if (roll(2))
				host_opens(&peers[k]);
			else
				guest_opens(&peers[k]);
			if (roll(3))
				guest_reads_ring(roll(4));
			if (roll(6) == 0)
				host_vanishes(&peers[k]);
		}
		for (int k = 0; k < 300; k++) {
			struct peer *p = &peers[roll((uint32_t)n)];

			if (roll(30) == 0 && p->open) {
				host_vanishes(p);
			} else if (roll(30) == 0 && p->open && !p->reset) {
				p->reset = guest_sends(p, VIRTIO_VSOCK_OP_RST);
			} else if (!p->reset && p->fd >= 0 && !p->shut[FROM_HOST]) {
				act(p, BLOCK);
			}
			if (roll(3) == 0)
				fake_kick(&f, VHU_TX);
			if (roll(3) == 0)
				fake_settle(&f);
		}
		if (i % 2)
			fake_hang_up(&f);
		end(n);
	}
}

int main(void)
{
	log_init("test", -1, LOG_LEVEL_ERROR);
	test_run(much_from_the_host);
	test_run(much_from_the_guest);
	test_run(much_both_ways);
	test_run(few_at_random);
	test_run(tiny_pieces);
	test_run(a_thousand_at_random);
	test_run(sudden_ends);
	return 0;
}
