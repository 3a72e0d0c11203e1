/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that sends any packets, in any order, while programs of the host do what they like. The
 * input is a list of records of 12 bytes.
 */
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "vsockd/test-fake.h"

#define PROGRAMS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** struct record - a packet, or an act of a program; as it is in the input */
struct record {
	uint8_t action;
	uint8_t who;
	uint16_t len;
	uint32_t a, b;
};

static struct fake f;
static int listener, programs[PROGRAMS];
static uint8_t bytes[FAKE_TX_LEN];

/* Ports that mean something, mostly. */
static uint32_t host_port(uint8_t who)
{
	return who & 8 ? 1 : TABLE_PORT_FIRST + (who & 7);
}

static void guest_sends(const struct record *r)
{
	struct pkt pkt = fake_pkt(r->action & 15, host_port(r->who), 5);

	pkt.flags = r->who >> 4;
	pkt.buf_alloc = r->a;
	pkt.fwd_cnt = r->b;
	pkt.len = pkt.op == VIRTIO_VSOCK_OP_RW || r->who & 64 ? r->len : 0;
	if (r->who & 128) {
		pkt.type = (uint16_t)r->b;
		pkt.dst_cid = r->a;
	}
	if (pkt.len > sizeof(bytes))
		pkt.len = sizeof(bytes);
	if (fake_tx_queue(&f, pkt, pkt.len > 0 ? bytes : NULL))
		fake_kick(&f, VHU_TX);
}

static void program_acts(const struct record *r)
{
	int *fd = &programs[r->who % PROGRAMS];

	switch (r->action & 7) {
	case 0:
		fd_close(*fd);
		*fd = fake_connect(&f, r->len & 1 ? "CONNECT 5\n" : "CONNECT");
		break;
	case 1:
		fd_close(*fd);
		*fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		break;
	case 2:
		(void)send(*fd, bytes, r->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case 3:
		(void)recv(*fd, bytes, r->len, MSG_DONTWAIT);
		break;
	case 4:
		(void)shutdown(*fd, (int)r->a % 3);
		break;
	case 5:
		*fd = fd_close(*fd);
		break;
	case 6:
		f.rx_keep = r->len % (FAKE_RING_SIZE + 1);
		break;
	default:
		fake_stop(&f);
		if (r->len & 1)
			fake_boot(&f);
		else
			fake_resume(&f);
		break;
	}
}

static void guest_receives(void)
{
	struct pkt pkt;

	while (fake_rx(&f, &pkt, NULL))
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record record;

	log_init("fuzz", -1, LOG_LEVEL_ERROR);
	fake_up(&f);
	listener = fake_listen(&f, 1, 64);
	for (int i = 0; i < PROGRAMS; i++)
		programs[i] = -EBADF;
	for (; size >= sizeof(record); data += sizeof(record), size -= sizeof(record)) {
		memcpy(&record, data, sizeof(record));
		if (record.action & 128)
			program_acts(&record);
		else
			guest_sends(&record);
		if (record.action & 64)
			fake_settle(&f);
		if (record.action & 32)
			guest_receives();
	}
	fake_settle(&f);
	for (int i = 0; i < PROGRAMS; i++)
		fd_close(programs[i]);
	fake_hang_up(&f);
	close(listener);
	fake_close(&f);
	return 0;
}
