/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest without a kernel that drives the virtio vsock device itself, and badly: packets full of
 * lies, descriptors and indices full of garbage, resets in the middle. In the end it behaves, opens
 * a connection to port 1024 of the host, says "survived", and resets the machine: the device, and
 * whoever serves it, must have come through.
 *
 * 32-bit code without any library, entered as PVH says (Xen, docs/misc/pvh.pandoc); the device is
 * one of QEMU's microvm, on virtio-mmio (virtio 1.2, 4.2). Everything follows from one seed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROUNDS	   400
#define MMIO_FIRST 0xfeb00000u
#define MMIO_STEP  512
#define MMIO_COUNT 24
#define SERIAL	   0x3f8

#define RING	   128
#define RX	   0
#define TX	   1
#define QUEUES	   2
#define BUFFER	   4096
#define HDR	   44
#define NEXT	   1
#define WRITE	   2
#define HOST	   2
#define GUEST	   3
#define PORT	   1024
#define OUR_PORT   7777

enum op {
	REQUEST = 1,
	RESPONSE = 2,
	RW = 5,
};

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct avail {
	uint16_t flags, idx, ring[RING], event;
};

struct used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[RING];
	uint16_t event;
};

struct packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
	uint8_t data[BUFFER - HDR];
} __attribute__((packed));

static struct queue {
	struct desc desc[RING] __attribute__((aligned(4096)));
	struct avail avail __attribute__((aligned(4096)));
	struct used used __attribute__((aligned(4096)));
} queues[QUEUES];

static union {
	struct packet packet;
	uint8_t bytes[BUFFER];
} buffers[QUEUES][RING] __attribute__((aligned(4096)));

static volatile uint8_t *device;
static uint32_t seed = 2463534242u;

uint8_t stack[16384] __attribute__((aligned(16)));

__asm__(".section .note.pvh, \"a\", @note\n"
	"	.long 4, 4, 18\n"
	"	.asciz \"Xen\"\n"
	"	.long _start\n"
	".text\n"
	".globl _start\n"
	"_start:\n"
	"	mov $stack + 16384, %esp\n"
	"	call guest_main\n"
	"	push $0\n" /* a triple fault: an interrupt with an empty interrupt table */
	"	push $0\n"
	"	lidt (%esp)\n"
	"	int3\n");

void guest_main(void);
void *memset(void *p, int c, size_t n);

void *memset(void *p, int c, size_t n)
{
	for (uint8_t *b = p; n > 0; n--)
		*b++ = (uint8_t)c;
	return p;
}

static void say(const char *text)
{
	for (; *text; text++)
		__asm__ volatile("outb %0, %1" ::"a"(*text), "Nd"((uint16_t)SERIAL));
}

static uint32_t roll(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

static volatile uint32_t *reg(uint32_t offset)
{
	return (volatile uint32_t *)(uintptr_t)(device + offset);
}

static bool find_device(void)
{
	for (int i = 0; i < MMIO_COUNT; i++) {
		device = (volatile uint8_t *)(uintptr_t)(MMIO_FIRST + (uint32_t)i * MMIO_STEP);
		if (*reg(0) == 0x74726976 && *reg(4) == 2 && *reg(8) == 19)
			return true;
	}
	return false;
}

static void set_queue(uint32_t i, uint32_t desc, uint32_t avail, uint32_t used)
{
	*reg(0x30) = i;
	*reg(0x38) = RING;
	*reg(0x80) = desc;
	*reg(0x84) = 0;
	*reg(0x90) = avail;
	*reg(0x94) = 0;
	*reg(0xa0) = used;
	*reg(0xa4) = 0;
	*reg(0x44) = 1;
}

static void post_buffers(void)
{
	for (uint16_t i = 0; i < RING; i++) {
		queues[RX].desc[i] = (struct desc){(uintptr_t)&buffers[RX][i], BUFFER, WRITE, 0};
		queues[RX].avail.ring[i] = i;
	}
	queues[RX].avail.idx = RING;
}

/* Reset, features, queues, start (virtio 1.2, 3.1.1); with rings in odd places if asked to. */
static void start_device(uint32_t skew)
{
	*reg(0x70) = 0;
	while (*reg(0x70) != 0)
		;
	memset(queues, 0, sizeof(queues));
	*reg(0x70) = 1;
	*reg(0x70) = 3;
	*reg(0x24) = 1;
	*reg(0x20) = 1; /* VERSION_1 */
	*reg(0x24) = 0;
	*reg(0x20) = 0;
	*reg(0x70) = 11;
	for (uint32_t i = 0; i < QUEUES; i++)
		set_queue(i, (uintptr_t)queues[i].desc + skew, (uintptr_t)&queues[i].avail,
			  (uintptr_t)&queues[i].used);
	post_buffers();
	*reg(0x70) = 15;
}

static void notify(uint32_t queue)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*reg(0x50) = queue;
}

static void fill_packet(struct packet *p, uint16_t op, uint32_t len)
{
	memset(p, 0, HDR);
	p->src_cid = GUEST;
	p->dst_cid = HOST;
	p->src_port = OUR_PORT;
	p->dst_port = PORT;
	p->len = len;
	p->type = 1;
	p->op = op;
	p->buf_alloc = 262144;
}

static void send(uint16_t slot, uint32_t len)
{
	struct queue *q = &queues[TX];

	q->desc[slot] = (struct desc){(uintptr_t)&buffers[TX][slot], HDR + len, 0, 0};
	q->avail.ring[q->avail.idx % RING] = slot;
	__atomic_store_n(&q->avail.idx, q->avail.idx + 1, __ATOMIC_RELEASE);
}

/* A packet that a checker of headers has to look at twice. */
static void send_lie(void)
{
	uint16_t slot = (uint16_t)roll(RING);
	struct packet *p = &buffers[TX][slot].packet;

	fill_packet(p, (uint16_t)roll(9), roll(BUFFER - HDR));
	p->src_port = OUR_PORT + 1 + roll(30);
	p->dst_port = roll(3) ? PORT : roll(2) ? roll(0xffffffff) : 0x40000000 + roll(4);
	p->flags = roll(5);
	if (roll(4) == 0)
		p->buf_alloc = roll(0xffffffff);
	if (roll(4) == 0)
		p->fwd_cnt = roll(2) ? roll(0xffffffff) : roll(10000);
	if (roll(20) == 0)
		p->src_cid = roll(8);
	if (roll(20) == 0)
		p->dst_cid = roll(8);
	if (roll(20) == 0)
		p->type = (uint16_t)roll(4);
	send(slot, roll(4) ? p->len : roll(BUFFER - HDR));
}

static void scribble(void)
{
	struct queue *q = &queues[roll(QUEUES)];
	uint8_t *bytes = (uint8_t *)q;

	switch (roll(5)) {
	case 0:
		q->avail.idx = (uint16_t)roll(65536);
		break;
	case 1:
		q->avail.ring[roll(RING)] = (uint16_t)roll(65536);
		break;
	case 2:
		q->desc[roll(RING)] = (struct desc){
			.addr = (uint64_t)roll(0xffffffff) << roll(33),
			.len = roll(0xffffffff),
			.flags = (uint16_t)roll(8),
			.next = (uint16_t)roll(roll(2) ? RING : 65536),
		};
		break;
	case 3:
		q->desc[roll(RING)].flags |= NEXT;
		break;
	default:
		bytes[roll(sizeof(*q))] = (uint8_t)roll(256);
		break;
	}
}

static void misbehave(void)
{
	uint32_t gentle = roll(60);

	for (uint32_t i = 0; i < 200; i++) {
		send_lie();
		if (roll(60) < gentle / 10)
			scribble();
		if (roll(3) == 0)
			notify(roll(QUEUES));
		/* Return what the device sent, so that it goes on sending. */
		queues[RX].avail.idx = (uint16_t)(queues[RX].used.idx + RING);
	}
	notify(TX);
}

/* Wait for the next packet. */
static const struct packet *receive(uint16_t at)
{
	while (__atomic_load_n(&queues[RX].used.idx, __ATOMIC_ACQUIRE) == at)
		__asm__ volatile("pause");
	return &buffers[RX][queues[RX].used.ring[at % RING].id % RING].packet;
}

static bool behave(void)
{
	static const char text[] = "survived";

	start_device(0);
	fill_packet(&buffers[TX][0].packet, REQUEST, 0);
	send(0, 0);
	notify(TX);
	if (receive(0)->op != RESPONSE)
		return false;
	fill_packet(&buffers[TX][1].packet, RW, sizeof(text) - 1);
	for (uint32_t i = 0; i < sizeof(text); i++)
		buffers[TX][1].packet.data[i] = (uint8_t)text[i];
	send(1, sizeof(text) - 1);
	notify(TX);
	while (__atomic_load_n(&queues[TX].used.idx, __ATOMIC_ACQUIRE) != 2)
		__asm__ volatile("pause");
	return true;
}

void guest_main(void)
{
	if (!find_device()) {
		say("no vsock device\n");
		return;
	}
	for (int i = 0; i < ROUNDS; i++) {
		start_device(roll(20) ? 0 : roll(64));
		misbehave();
	}
	say(behave() ? "behaved\n" : "refused\n");
}
