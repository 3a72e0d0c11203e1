/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, through a whole device with a well-behaved guest. */
#include "vsockd/test-fake.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"

#define REQUEST	       VIRTIO_VSOCK_OP_REQUEST
#define RESPONSE       VIRTIO_VSOCK_OP_RESPONSE
#define RST	       VIRTIO_VSOCK_OP_RST
#define SHUTDOWN       VIRTIO_VSOCK_OP_SHUTDOWN
#define RW	       VIRTIO_VSOCK_OP_RW
#define CREDIT_UPDATE  VIRTIO_VSOCK_OP_CREDIT_UPDATE
#define CREDIT_REQUEST VIRTIO_VSOCK_OP_CREDIT_REQUEST

#define RCV	       VIRTIO_VSOCK_SHUTDOWN_RCV
#define SEND	       VIRTIO_VSOCK_SHUTDOWN_SEND

static struct fake f;

static void send_op(uint16_t op, uint32_t host_port, uint32_t guest_port)
{
	fake_tx(&f, fake_pkt(op, host_port, guest_port), NULL);
}

static void send_shutdown(uint32_t host_port, uint32_t guest_port, uint32_t flags)
{
	struct pkt pkt = fake_pkt(SHUTDOWN, host_port, guest_port);

	pkt.flags = flags;
	fake_tx(&f, pkt, NULL);
}

static void send_text(uint32_t host_port, uint32_t guest_port, const char *text)
{
	struct pkt pkt = fake_pkt(RW, host_port, guest_port);

	pkt.len = (uint32_t)strlen(text);
	fake_tx(&f, pkt, text);
}

static void expect_text(uint32_t host_port, uint32_t guest_port, const char *want)
{
	char have[FAKE_RX_LEN + 1];
	struct pkt pkt;

	test_true(fake_rx(&f, &pkt, have));
	test_int(pkt.op, RW);
	test_int(pkt.src_port, host_port);
	test_int(pkt.dst_port, guest_port);
	have[pkt.len] = '\0';
	test_str(have, want);
}

static void host_opens(void)
{
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 1024, &port);
	test_int(port, 1073741824);
	fake_write(fd, "question");
	fake_settle(&f);
	expect_text(port, 1024, "question");
	send_text(port, 1024, "answer");
	fake_read(fd, "answer");
	fake_expect_none(&f);
	close(fd);
	fake_settle(&f);
	test_int(fake_expect(&f, SHUTDOWN, port, 1024).flags, RCV | SEND);
	send_op(RST, port, 1024);
	fake_expect_none(&f);
	test_int(f.d->table.n_used, 0);
	fake_close(&f);
}

static void guest_opens(void)
{
	int listener, fd;

	fake_up(&f);
	listener = fake_listen(&f, 1024, 8);
	fd = fake_guest_opens(&f, listener, 1024, 4711);
	send_text(1024, 4711, "hello");
	fake_read(fd, "hello");
	fake_write(fd, "you too");
	fake_settle(&f);
	expect_text(1024, 4711, "you too");
	send_shutdown(1024, 4711, RCV | SEND);
	fake_expect(&f, RST, 1024, 4711);
	fake_read_end(fd);
	fake_expect_none(&f);
	test_int(f.d->table.n_used, 0);
	/* The port is free again at once. */
	close(fd);
	fd = fake_guest_opens(&f, listener, 1024, 4711);
	close(fd);
	close(listener);
	fake_close(&f);
}

/* Bytes that follow the line in the same write are payload. */
static void bytes_behind_the_line(void)
{
	struct pkt pkt;
	int fd;

	fake_up(&f);
	fd = fake_connect(&f, "connect 7\nearly");
	test_true(fake_rx(&f, &pkt, NULL));
	test_int(pkt.op, REQUEST);
	/* A program that is in a hurry is served all the same. */
	shutdown(fd, SHUT_WR);
	fake_settle(&f);
	fake_expect_none(&f);
	send_op(RESPONSE, pkt.src_port, 7);
	expect_text(pkt.src_port, 7, "early");
	test_int(fake_expect(&f, SHUTDOWN, pkt.src_port, 7).flags, SEND);
	close(fd);
	fake_close(&f);
}

static void line_in_pieces(void)
{
	static const char line[] = "CONNECT 99\n";
	struct pkt pkt;
	int fd;

	fake_up(&f);
	fd = fake_connect(&f, "");
	for (size_t i = 0; line[i]; i++) {
		fake_expect_none(&f);
		test_int(send(fd, &line[i], 1, MSG_NOSIGNAL), 1);
		fake_settle(&f);
	}
	test_true(fake_rx(&f, &pkt, NULL));
	test_int(pkt.dst_port, 99);
	close(fd);
	fake_close(&f);
}

static void bad_lines(void)
{
	static const char *const lines[] = {
		"\n",
		"CONNECT\n",
		"CONNECT \n",
		"CONNECT x\n",
		"CONNECT -1\n",
		"CONNECT 1 2\n",
		"CONNECT 4294967296\n",
		"CONNECT1024\n",
		"HELLO 1024\n",
		"CONNECT 00000000000000000000000000000000000001\n",
		"12345678901234567890123456789012",
	};
	int fd;

	fake_up(&f);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		fd = fake_connect(&f, lines[i]);
		fake_read_gone(fd);
		close(fd);
	}
	test_int(send(fd = fake_connect(&f, ""), "CONNECT 1\0\n", 11, MSG_NOSIGNAL), 11);
	fake_settle(&f);
	fake_read_end(fd);
	close(fd);
	/* Gone without a word, or in the middle of one. */
	close(fake_connect(&f, ""));
	close(fake_connect(&f, "CONN"));
	fake_settle(&f);
	test_int(f.d->table.n_used, 0);
	fake_expect_none(&f);
	fake_close(&f);
}

static void good_lines(void)
{
	static const char *const lines[] = {
		"CONNECT 5\n",
		"CoNnEcT 5\n",
		"CONNECT   5\n",
		"CONNECT\t5 \r\n",
	};
	struct pkt pkt;

	fake_up(&f);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		int fd = fake_connect(&f, lines[i]);

		test_true(fake_rx(&f, &pkt, NULL));
		test_int(pkt.op, REQUEST);
		test_int(pkt.dst_port, 5);
		test_int(pkt.src_port, TABLE_PORT_FIRST + i);
		close(fd);
	}
	fake_close(&f);
}

static void guest_refuses(void)
{
	struct pkt pkt;
	int fd;

	fake_up(&f);
	fd = fake_connect(&f, "CONNECT 9\n");
	test_true(fake_rx(&f, &pkt, NULL));
	send_op(RST, pkt.src_port, 9);
	fake_read_end(fd);
	fake_expect_none(&f);
	test_int(f.d->table.n_used, 0);
	close(fd);
	fake_close(&f);
}

static void host_refuses(void)
{
	int listener;

	fake_up(&f);
	/* Nobody, a file that is no socket, somebody who is gone, one who does not accept. */
	send_op(REQUEST, 1, 50);
	fake_expect(&f, RST, 1, 50);
	listener = fake_listen(&f, 2, 1);
	close(listener);
	send_op(REQUEST, 2, 50);
	fake_expect(&f, RST, 2, 50);
	listener = fake_listen(&f, 3, 1);
	for (uint32_t i = 0; i < 2; i++) {
		send_op(REQUEST, 3, 60 + i);
		fake_expect(&f, RESPONSE, 3, 60 + i);
	}
	send_op(REQUEST, 3, 70);
	fake_expect(&f, RST, 3, 70);
	fake_expect_none(&f);
	test_int(f.d->table.n_used, 2);
	close(listener);
	fake_close(&f);
}

static void half_close_by_host(void)
{
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	fake_write(fd, "all");
	shutdown(fd, SHUT_WR);
	fake_settle(&f);
	expect_text(port, 5, "all");
	test_int(fake_expect(&f, SHUTDOWN, port, 5).flags, SEND);
	send_text(port, 5, "still");
	fake_read(fd, "still");
	send_shutdown(port, 5, SEND);
	fake_read_end(fd);
	/* Both directions have ended: the guest is told, and answers. */
	test_int(fake_expect(&f, SHUTDOWN, port, 5).flags, RCV | SEND);
	send_op(RST, port, 5);
	test_int(f.d->table.n_used, 0);
	close(fd);
	fake_close(&f);
}

static void half_close_by_guest(void)
{
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	send_text(port, 5, "request");
	send_shutdown(port, 5, SEND);
	fake_read(fd, "request");
	fake_read_end(fd);
	fake_write(fd, "reply");
	fake_settle(&f);
	expect_text(port, 5, "reply");
	close(fd);
	fake_settle(&f);
	test_int(fake_expect(&f, SHUTDOWN, port, 5).flags, RCV | SEND);
	send_shutdown(port, 5, RCV | SEND);
	fake_expect(&f, RST, port, 5);
	test_int(f.d->table.n_used, 0);
	fake_close(&f);
}

static void guest_stops_reading(void)
{
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	send_shutdown(port, 5, RCV);
	test_int(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	test_int(errno, EPIPE);
	send_text(port, 5, "one way");
	fake_read(fd, "one way");
	send_shutdown(port, 5, SEND);
	fake_read_end(fd);
	fake_expect(&f, RST, port, 5);
	test_int(f.d->table.n_used, 0);
	close(fd);
	fake_close(&f);
}

static void host_stops_reading(void)
{
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	shutdown(fd, SHUT_RD);
	send_text(port, 5, "nobody reads this");
	test_int(fake_expect(&f, SHUTDOWN, port, 5).flags, RCV);
	send_text(port, 5, "nor this");
	fake_expect_none(&f);
	fake_write(fd, "but");
	fake_settle(&f);
	expect_text(port, 5, "but");
	close(fd);
	fake_settle(&f);
	test_int(fake_expect(&f, SHUTDOWN, port, 5).flags, RCV | SEND);
	fake_close(&f);
}

/* A program that has closed with "5678" on its way, for which the guest has no room. Return: the last packet of the guest's */
static struct pkt begin_closed_with_bytes_waiting(uint32_t *port)
{
	struct pkt pkt;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, port);
	pkt = fake_pkt(CREDIT_UPDATE, *port, 5);
	pkt.buf_alloc = 4;
	fake_tx(&f, pkt, NULL);
	fake_write(fd, "12345678");
	close(fd);
	fake_settle(&f);
	expect_text(*port, 5, "1234");
	fake_expect(&f, CREDIT_REQUEST, *port, 5);
	return pkt;
}

/* What the program wrote before it closed arrives, however late the guest has room for it. */
static void host_closes_with_bytes_waiting(void)
{
	uint32_t port;
	struct pkt pkt = begin_closed_with_bytes_waiting(&port);

	fake_expect_none(&f);
	pkt.fwd_cnt = 3;
	fake_tx(&f, pkt, NULL);
	expect_text(port, 5, "567");
	fake_expect(&f, CREDIT_REQUEST, port, 5);
	pkt.fwd_cnt = 7;
	fake_tx(&f, pkt, NULL);
	expect_text(port, 5, "8");
	test_int(fake_expect(&f, SHUTDOWN, port, 5).flags, RCV | SEND);
	fake_close(&f);
}

/* It has nothing to say that the guest wants to hear: that it is gone shows without that. */
static void host_closes_when_the_guest_reads_no_more(void)
{
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	send_shutdown(port, 5, RCV);
	close(fd);
	fake_settle(&f);
	test_int(fake_expect(&f, SHUTDOWN, port, 5).flags, RCV | SEND);
	fake_close(&f);
}

static void guest_reads_no_more_of_what_is_gone(void)
{
	uint32_t port;
	struct pkt pkt = begin_closed_with_bytes_waiting(&port);

	pkt = fake_pkt(SHUTDOWN, port, 5);
	pkt.buf_alloc = 4;
	pkt.flags = RCV;
	fake_tx(&f, pkt, NULL);
	test_int(fake_expect(&f, SHUTDOWN, port, 5).flags, RCV | SEND);
	fake_close(&f);
}

static bool nothing_open(void *arg _unused_)
{
	return f.d->table.n_used == 0;
}

/* Room is told of before it runs out, but not with each packet. */
static void credit_in_halves(void)
{
	static char block[FAKE_TX_LEN / 4], have[FAKE_TX_LEN / 4];
	struct pkt pkt;
	uint32_t port, told = 0, updates = 0, size;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	size = table_find(&f.d->table, port, 5)->wbuf.size;
	pkt = fake_pkt(RW, port, 5);
	pkt.len = sizeof(block);
	for (uint32_t sent = 0; sent < 8 * size; sent += pkt.len) {
		struct pkt back;

		test_true(size - (sent - told) >= pkt.len);
		fake_tx(&f, pkt, block);
		test_int(recv(fd, have, sizeof(have), 0), sizeof(have));
		while (fake_rx(&f, &back, NULL)) {
			test_int(back.op, CREDIT_UPDATE);
			told = back.fwd_cnt;
			updates++;
		}
	}
	test_int(updates, 16);
	close(fd);
	fake_close(&f);
}

static bool interrupted(void *arg)
{
	return (*(uint64_t *)arg = fake_calls(&f, VHU_TX)) > 0;
}

/* That a packet was taken is told with the next packet, or after a moment, or when many were. */
static void interrupts_for_packets_taken(void)
{
	uint32_t port;
	uint64_t n;
	int fd;

	fake_up(&f);
	f.d->config.tx_call_ns = UINT64_C(1) << 60;
	fd = fake_host_opens(&f, 5, &port);
	send_text(port, 5, "question");
	test_int(fake_calls(&f, VHU_TX), 0);
	fake_write(fd, "answer");
	fake_read(fd, "question");
	fake_settle(&f);
	expect_text(port, 5, "answer");
	test_int(fake_calls(&f, VHU_TX), 1);

	for (int i = 0; i < FAKE_RING_SIZE / 4; i++) {
		test_int(fake_calls(&f, VHU_TX), 0);
		send_text(port, 5, "one of many");
	}
	test_int(fake_calls(&f, VHU_TX), 1);

	f.d->config.tx_call_ns = 1000000;
	send_text(port, 5, "no answer");
	fake_wait(&f, interrupted, &n);
	test_int(n, 1);
	close(fd);
	fake_close(&f);
}

/* The deadlines are made short; whether they are kept does not depend on how short. */
static void deadlines(void)
{
	struct pkt pkt;
	uint32_t port;
	int fd;

	fake_up(&f);
	f.d->config.handshake_ns = f.d->config.response_ns = f.d->config.close_ns = 2000000;
	fd = fake_connect(&f, "CONNEC");
	fake_wait(&f, nothing_open, NULL);
	fake_read_gone(fd);
	close(fd);

	fd = fake_connect(&f, "CONNECT 4\n");
	test_true(fake_rx(&f, &pkt, NULL));
	fake_wait(&f, nothing_open, NULL);
	fake_read_end(fd);
	fake_expect(&f, RST, pkt.src_port, 4);
	close(fd);

	f.d->config.response_ns = 10000000000;
	fd = fake_host_opens(&f, 5, &port);
	close(fd);
	fake_settle(&f);
	test_int(fake_expect(&f, SHUTDOWN, port, 5).flags, RCV | SEND);
	fake_wait(&f, nothing_open, NULL);
	fake_expect(&f, RST, port, 5);
	fake_expect_none(&f);
	fake_close(&f);
}

/* Nobody is told of a request that never left. */
static void guest_never_comes_up(void)
{
	int fd;

	fake_open(&f);
	fake_realize(&f);
	f.d->config.response_ns = 2000000;
	fd = fake_connect(&f, "CONNECT 4\n");
	test_int(f.d->table.n_used, 1);
	fake_wait(&f, nothing_open, NULL);
	fake_read_end(fd);
	close(fd);
	fake_boot(&f);
	fake_expect_none(&f);
	fake_close(&f);
}

static void guest_comes_up_late(void)
{
	struct pkt pkt;
	int fd;

	fake_open(&f);
	fake_realize(&f);
	fd = fake_connect(&f, "CONNECT 4\n");
	fake_boot(&f);
	test_true(fake_rx(&f, &pkt, NULL));
	test_int(pkt.op, REQUEST);
	send_op(RESPONSE, pkt.src_port, 4);
	fake_read(fd, "OK 1073741824\n");
	close(fd);
	fake_close(&f);
}

static void pause_keeps_connections(void)
{
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	fake_stop(&f);
	fake_write(fd, "meanwhile");
	fake_settle(&f);
	fake_expect_none(&f);
	fake_resume(&f);
	expect_text(port, 5, "meanwhile");
	send_text(port, 5, "back");
	fake_read(fd, "back");
	close(fd);
	fake_close(&f);
}

static void reset_ends_connections(void)
{
	uint32_t port;
	int fd, waiting, listener;

	fake_up(&f);
	listener = fake_listen(&f, 1024, 8);
	for (int round = 0; round < 3; round++) {
		fd = fake_guest_opens(&f, listener, 1024, 4711);
		close(fd);
		fake_settle(&f);
		fake_expect(&f, SHUTDOWN, 1024, 4711);
		fd = fake_host_opens(&f, 5, &port);
		fake_stop(&f);
		waiting = fake_connect(&f, "CONNECT 6\n");
		fake_boot(&f);
		fake_read_end(fd);
		/* One that the old driver never heard of reaches the new one. */
		test_int(f.d->table.n_used, 1);
		fake_expect(&f, REQUEST, port + 1, 6);
		send_op(RST, port + 1, 6);
		fake_read_end(waiting);
		close(waiting);
		close(fd);
	}
	close(listener);
	fake_close(&f);
}

/* The last words of a guest that powers off: on the ring, but nobody looked at it yet. */
static void last_words(void)
{
	struct pkt pkt;
	uint32_t port;
	int fd;

	for (int how = 0; how < 2; how++) {
		fake_up(&f);
		fd = fake_host_opens(&f, 5, &port);
		pkt = fake_pkt(RW, port, 5);
		pkt.len = 7;
		test_true(fake_tx_queue(&f, pkt, "goodbye"));
		if (how == 0)
			fake_stop(&f);
		fake_hang_up(&f);
		fake_read(fd, "goodbye");
		fake_read_end(fd);
		test_true(f.gone);
		test_int(f.status, 0);
		close(fd);
		fake_close(&f);
	}
}

/* One program does not read: the device stays until it has, or is gone. */
static void end_waits_for_readers(void)
{
	static char block[FAKE_TX_LEN], have[FAKE_TX_LEN];
	size_t sent = 0, got = 0;
	struct pkt pkt;
	uint32_t port;
	ssize_t n;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	pkt = fake_pkt(RW, port, 5);
	pkt.len = sizeof(block);
	while (f.d->table.slots[0].wbuf.len == 0) {
		memset(block, (int)(sent / sizeof(block)), sizeof(block));
		fake_tx(&f, pkt, block);
		sent += sizeof(block);
	}
	fake_hang_up(&f);
	test_true(!f.gone);
	while ((n = recv(fd, have, sizeof(have), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			test_int(have[i], (got + (size_t)i) / sizeof(block));
		got += (size_t)n;
		fake_settle(&f);
	}
	test_int(n, 0);
	test_int(got, sent);
	test_true(f.gone);
	close(fd);
	fake_close(&f);
}

int main(void)
{
	test_run(host_opens);
	test_run(guest_opens);
	test_run(bytes_behind_the_line);
	test_run(line_in_pieces);
	test_run(bad_lines);
	test_run(good_lines);
	test_run(guest_refuses);
	test_run(host_refuses);
	test_run(half_close_by_host);
	test_run(half_close_by_guest);
	test_run(guest_stops_reading);
	test_run(host_stops_reading);
	test_run(host_closes_with_bytes_waiting);
	test_run(host_closes_when_the_guest_reads_no_more);
	test_run(guest_reads_no_more_of_what_is_gone);
	test_run(credit_in_halves);
	test_run(interrupts_for_packets_taken);
	test_run(deadlines);
	test_run(guest_never_comes_up);
	test_run(guest_comes_up_late);
	test_run(pause_keeps_connections);
	test_run(reset_ends_connections);
	test_run(last_words);
	test_run(end_waits_for_readers);
	return 0;
}
