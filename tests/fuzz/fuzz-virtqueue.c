/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that writes anything into its rings while connections run. The input is a list of
 * records of 8 bytes: what to do, to which queue, where, and with what.
 */
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "vsockd/test-fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** struct record - one thing that the guest does; as it is in the input */
struct record {
	uint8_t action;
	uint8_t queue;
	uint16_t at;
	uint32_t value;
};

static struct fake f;
static int program;

/* A descriptor, with an address in the guest's memory more often than not. */
static void write_desc(int queue, uint16_t at, uint32_t value)
{
	uint64_t addr = FAKE_HIGH + (value & 0xfffff) * 16;

	if (value >> 28 == 15)
		addr = (uint64_t)value << (at & 31);
	fake_desc(&f, queue, at % FAKE_RING_SIZE, addr, (value >> 12) & 0x1ffff,
		  (uint16_t)(value >> 20 & 7) & (uint16_t) ~(value >> 24 & 4),
		  (uint16_t)(value >> 8) % (FAKE_RING_SIZE + 1));
}

static void write_packet(uint16_t at, uint32_t value)
{
	struct pkt pkt = {
		.src_cid = FAKE_GUEST_CID,
		.dst_cid = PKT_CID_HOST,
		.src_port = 5,
		.dst_port = TABLE_PORT_FIRST,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = value & 7,
		.len = value >> 8 & 0xffff,
		.flags = value >> 24,
		.buf_alloc = FAKE_GUEST_ROOM,
	};

	pkt_encode(&pkt, fake_ptr(&f, FAKE_HIGH + at * 64u));
}

static void act(const struct record *r)
{
	const int queue = r->queue & 1;
	static uint8_t drain[4096];

	switch (r->action % 10) {
	case 0:
		write_desc(queue, r->at, r->value);
		break;
	case 1:
		fake_offer(&f, queue, r->at);
		break;
	case 2:
		memcpy(fake_ptr(&f, f.q[queue].avail + r->at % 600), &r->value, 2);
		break;
	case 3:
		memcpy(fake_ptr(&f, f.q[queue].used + r->at % 2100), &r->value, 4);
		break;
	case 4:
		memcpy(fake_ptr(&f, FAKE_HIGH + r->at * 16u), &r->value, 4);
		break;
	case 5:
		write_packet(r->at, r->value);
		break;
	case 6:
		(void)send(program, drain, r->at % sizeof(drain), MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case 7:
		(void)recv(program, drain, sizeof(drain), MSG_DONTWAIT);
		break;
	case 8:
		fake_tx(&f, fake_pkt(VIRTIO_VSOCK_OP_RESPONSE, TABLE_PORT_FIRST, 5), NULL);
		break;
	default:
		(void)!write(f.q[queue].kick, &(uint64_t){1}, sizeof(uint64_t));
		fake_settle(&f);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record record;

	log_init("fuzz", -1, LOG_LEVEL_ERROR);
	fake_up(&f);
	memset(fake_ptr(&f, FAKE_HIGH), 1, 1u << 16);
	program = fake_connect(&f, "CONNECT 5\n");
	for (; size >= sizeof(record); data += sizeof(record), size -= sizeof(record)) {
		memcpy(&record, data, sizeof(record));
		act(&record);
	}
	fake_settle(&f);
	close(program);
	fake_hang_up(&f);
	fake_close(&f);
	return 0;
}
