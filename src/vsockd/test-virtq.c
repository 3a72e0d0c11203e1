/* SPDX-License-Identifier: Apache-2.0 */
/* Rings: as the specification says, and as a hostile guest would write them. */
#include "vsockd/test-fake.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/log.h"
#include "vsockd/iov.h"

#define N	4
#define NEXT	VRING_DESC_F_NEXT
#define WRITE	VRING_DESC_F_WRITE
#define PAGE	4096u
#define DATA	(4 * PAGE)
#define MEM_LEN (16 * PAGE)

static struct vhu_mem mem;
static struct virtq vq;
static struct vring_desc *desc;
static struct vring_avail *avail;
static struct vring_used *used;
static uint8_t *guest;
static int memfd;

static void begin(uint16_t base)
{
	const struct vhu_mem_entry entry = {
		.guest_phys = PAGE, .size = MEM_LEN, .user_addr = 1 << 20};

	memfd = memfd_create("guest", MFD_CLOEXEC);
	test_int(ftruncate(memfd, MEM_LEN), 0);
	guest = mmap(NULL, MEM_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	mem = (struct vhu_mem)VHU_MEM_NULL;
	test_int(vhu_mem_set(&mem, &entry, 1, &memfd), 0);
	vq = (struct virtq)VIRTQ_NULL;
	vq.size = N;
	for (unsigned int i = 0; i < 3; i++)
		vq.user_addr[i] = (1 << 20) + i * PAGE;
	desc = (void *)guest;
	avail = (void *)(guest + PAGE);
	used = (void *)(guest + 2 * PAGE);
	vq.next_avail = base;
	avail->idx = used->idx = base;
	vq.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	test_int(virtq_start(&vq, &mem), 0);
}

static void end(void)
{
	virtq_deinit(&vq);
	virtq_deinit(&vq);
	vhu_mem_deinit(&mem);
	munmap(guest, MEM_LEN);
	close(memfd);
}

/* Guest address of a byte of the data pages. */
static uint64_t data(uint32_t offset)
{
	return PAGE + DATA + offset;
}

static void set(uint16_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	desc[i] = (struct vring_desc){addr, len, flags, next};
}

static void offer(uint16_t head)
{
	avail->ring[avail->idx % N] = head;
	avail->idx++;
}

static int pop(enum virtq_dir dir, struct virtq_chain *chain)
{
	static struct iovec iov[8];

	return virtq_pop(&vq, &mem, dir, iov, ARRAY_SIZE(iov), chain);
}

static uint64_t calls(void)
{
	uint64_t n = 0;

	return read(vq.call_fd, &n, sizeof(n)) < 0 ? 0 : n;
}

static void chain_of_pieces(void)
{
	struct virtq_chain chain;
	char text[16] = "";

	begin(0);
	test_int(pop(VIRTQ_READABLE, &chain), 0);
	memcpy(guest + DATA, "abcdef", 6);
	set(2, data(0), 2, NEXT, 0);
	set(0, data(2), 3, NEXT, 3);
	set(3, 0, 0, NEXT, 1); /* an empty one may point anywhere */
	set(1, data(5), 1, 0, 77);
	offer(2);
	test_int(pop(VIRTQ_READABLE, &chain), 1);
	test_int(chain.head, 2);
	test_int(chain.n_iov, 3);
	test_int(chain.len, 6);
	test_int(iov_read(chain.iov, chain.n_iov, text, sizeof(text)), 6);
	test_str(text, "abcdef");
	test_int(pop(VIRTQ_READABLE, &chain), 0);
	virtq_put(&vq, 2, 42);
	test_int(used->idx, 0);
	virtq_flush(&vq);
	test_int(used->idx, 1);
	test_int(used->ring[0].id, 2);
	test_int(used->ring[0].len, 42);
	test_int(calls(), 1);
	end();
}

static void indices_wrap(void)
{
	struct virtq_chain chain;

	begin(65530);
	for (unsigned int i = 0; i < 20; i++) {
		uint16_t head = (uint16_t)(i % N);

		set(head, data(i), 1, WRITE, 0);
		offer(head);
		test_int(pop(VIRTQ_WRITABLE, &chain), 1);
		test_int(chain.head, head);
		virtq_put(&vq, head, i);
		virtq_flush(&vq);
		test_int(used->idx, (uint16_t)(65531 + i));
		test_int(used->ring[(uint16_t)(65530 + i) % N].len, i);
	}
	end();
}

static void unpop_gives_back(void)
{
	struct virtq_chain a, b;

	begin(65535);
	for (uint16_t i = 0; i < 3; i++) {
		set(i, data(i), 1, 0, 0);
		offer(i);
	}
	test_int(pop(VIRTQ_READABLE, &a), 1);
	test_int(pop(VIRTQ_READABLE, &b), 1);
	test_int(pop(VIRTQ_READABLE, &b), 1);
	test_int(b.head, 2);
	virtq_unpop(&vq, 2);
	test_int(pop(VIRTQ_READABLE, &b), 1);
	test_int(b.head, 1);
	end();
}

static void one_interrupt_a_batch(void)
{
	struct virtq_chain chain;

	begin(0);
	for (uint16_t i = 0; i < N; i++) {
		set(i, data(i), 1, 0, 0);
		offer(i);
		test_int(pop(VIRTQ_READABLE, &chain), 1);
		virtq_put(&vq, i, 0);
	}
	virtq_flush(&vq);
	virtq_flush(&vq);
	test_int(calls(), 1);
	avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	offer(0);
	test_int(pop(VIRTQ_READABLE, &chain), 1);
	virtq_put(&vq, 0, 0);
	virtq_flush(&vq);
	test_int(calls(), 0);
	test_int(used->idx, N + 1);
	end();
}

static void notifications(void)
{
	begin(0);
	virtq_quiet(&vq);
	test_int(used->flags, VRING_USED_F_NO_NOTIFY);
	test_true(!virtq_wake(&vq));
	test_int(used->flags, 0);
	virtq_quiet(&vq);
	set(0, data(0), 1, 0, 0);
	offer(0);
	/* It came while nobody would have been notified. */
	test_true(virtq_wake(&vq));
	end();
}

static void too_many_pieces_stay(void)
{
	struct virtq_chain chain;
	struct iovec iov[2];

	begin(0);
	for (uint16_t i = 0; i < 3; i++)
		set(i, data(i), 1, i < 2 ? NEXT : 0, (uint16_t)(i + 1));
	offer(0);
	test_int(virtq_pop(&vq, &mem, VIRTQ_READABLE, iov, 2, &chain), -ENOBUFS);
	test_int(pop(VIRTQ_READABLE, &chain), 1);
	test_int(chain.n_iov, 3);
	end();
}

/** struct ring_lie - what a hostile guest wrote, and the queue must not stumble over */
struct ring_lie {
	const char *what;
	uint16_t head, avail_idx;
	struct vring_desc desc[2];
};

static const struct ring_lie lies[] = {
	{"head is no descriptor", 4, 1, {{0}}},
	{"head far away", 65535, 1, {{0}}},
	{"index jumps by one too many", 0, 5, {{PAGE + DATA, 1, 0, 0}}},
	{"index jumps", 0, 1000, {{PAGE + DATA, 1, 0, 0}}},
	{"index goes back", 0, 65535, {{PAGE + DATA, 1, 0, 0}}},
	{"points at itself", 0, 1, {{PAGE + DATA, 1, NEXT, 0}}},
	{"loop of two", 0, 1, {{PAGE + DATA, 1, NEXT, 1}, {PAGE + DATA, 1, NEXT, 0}}},
	{"loop of empty ones", 0, 1, {{0, 0, NEXT, 1}, {0, 0, NEXT, 0}}},
	{"next is no descriptor", 0, 1, {{PAGE + DATA, 1, NEXT, 4}}},
	{"next far away", 0, 1, {{PAGE + DATA, 1, NEXT, 65535}}},
	{"below memory", 0, 1, {{PAGE - 1, 1, 0, 0}}},
	{"address 0", 0, 1, {{0, 1, 0, 0}}},
	{"behind memory", 0, 1, {{PAGE + MEM_LEN, 1, 0, 0}}},
	{"last byte outside", 0, 1, {{PAGE + MEM_LEN - 1, 2, 0, 0}}},
	{"length outside", 0, 1, {{PAGE, MEM_LEN + 1, 0, 0}}},
	{"largest length", 0, 1, {{PAGE + DATA, 0xffffffff, 0, 0}}},
	{"address wraps", 0, 1, {{-1ull, 2, 0, 0}}},
	{"address and length wrap", 0, 1, {{-(uint64_t)PAGE, 0xffffffff, 0, 0}}},
	{"indirect", 0, 1, {{PAGE + DATA, 16, VRING_DESC_F_INDIRECT, 0}}},
	{"indirect with next", 0, 1, {{PAGE + DATA, 16, VRING_DESC_F_INDIRECT | NEXT, 1}}},
	{"wrong direction", 0, 1, {{PAGE + DATA, 1, WRITE, 0}}},
	{"wrong direction later", 0, 1, {{PAGE + DATA, 1, NEXT, 1}, {PAGE + DATA, 1, WRITE, 0}}},
	{"bad one later", 0, 1, {{PAGE + DATA, 1, NEXT, 1}, {PAGE + MEM_LEN, 1, 0, 0}}},
};

static void hostile_rings(void)
{
	struct virtq_chain chain;

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		begin(0);
		memcpy(desc, lies[i].desc, sizeof(lies[i].desc));
		avail->ring[0] = lies[i].head;
		avail->idx = lies[i].avail_idx;
		if (pop(VIRTQ_READABLE, &chain) != -EPROTO)
			test_fail("\"%s\" was accepted", lies[i].what);
		end();
	}
}

/* More chains than the guest was told to be used again cannot be on offer. */
static void index_may_not_overtake(void)
{
	struct virtq_chain chain;

	begin(0);
	for (uint16_t i = 0; i < N; i++) {
		set(i, data(i), 1, 0, 0);
		offer(i);
	}
	test_int(pop(VIRTQ_READABLE, &chain), 1);
	virtq_put(&vq, 0, 0);
	avail->idx++;
	test_int(pop(VIRTQ_READABLE, &chain), -EPROTO);
	virtq_flush(&vq);
	test_int(pop(VIRTQ_READABLE, &chain), 1);
	end();
}

static void bad_places(void)
{
	static const struct {
		uint16_t size;
		enum virtq_part part;
		uint64_t addr;
		int want;
	} bad[] = {
		{0, VIRTQ_DESC, 1 << 20, -EINVAL},
		{3, VIRTQ_DESC, 1 << 20, -EINVAL},
		{2048, VIRTQ_DESC, 1 << 20, -EINVAL},
		{N, VIRTQ_DESC, (1 << 20) + 8, -EINVAL},
		{N, VIRTQ_AVAIL, (1 << 20) + 1, -EINVAL},
		{N, VIRTQ_USED, (1 << 20) + 2, -EINVAL},
		{N, VIRTQ_DESC, 0, -EFAULT},
		{N, VIRTQ_DESC, (1 << 20) - 16, -EFAULT},
		{N, VIRTQ_AVAIL, (1 << 20) + MEM_LEN - 8, -EFAULT},
		{N, VIRTQ_USED, (1 << 20) + MEM_LEN - 32, -EFAULT},
		{N, VIRTQ_USED, -16ull, -EFAULT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct virtq_chain chain;

		begin(0);
		vq.size = bad[i].size;
		vq.user_addr[bad[i].part] = bad[i].addr;
		test_int(virtq_start(&vq, &mem), bad[i].want);
		/* Not started, nothing touches the rings. */
		test_int(pop(VIRTQ_READABLE, &chain), -EPROTO);
		virtq_flush(&vq);
		virtq_quiet(&vq);
		test_true(!virtq_wake(&vq));
		end();
	}
}

static struct fake f;

/* Whichever ring breaks: connections end, the front-end hears of it, a reset mends it. */
static void device_survives_broken_rings(void)
{
	uint64_t errors;
	uint32_t port;
	int fd;

	fake_up(&f);
	for (int queue = 0; queue < VHU_N_QUEUES; queue++) {
		fd = fake_host_opens(&f, 5, &port);
		(void)fake_calls(&f, queue);
		*(uint16_t *)fake_ptr(&f, f.q[queue].avail + 2) += 1000;
		/* The receive ring is looked at when there is something to send. */
		if (queue == VHU_RX)
			fake_write(fd, "x");
		else
			test_int(write(f.q[queue].kick, &(uint64_t){1}, 8), 8);
		fake_settle(&f);
		test_true(!f.d->vhu.running && !f.gone);
		fake_read_gone(fd);
		test_int(f.d->table.n_used, 0);
		errors = fake_calls(&f, queue);
		test_true(errors > 0);
		close(fd);
		fake_state(&f, VHU_SET_VRING_ENABLE, 0, 0);
		for (unsigned int i = 0; i < VHU_N_QUEUES; i++) {
			struct vhost_vring_state state;

			fake_state(&f, VHU_GET_VRING_BASE, i, 0);
			fake_reply(&f, VHU_GET_VRING_BASE, &state, sizeof(state));
		}
		fake_boot(&f);
	}
	fd = fake_host_opens(&f, 5, &port);
	close(fd);
	fake_close(&f);
}

/* Buffers too small for a packet, or too small for its header on the way out. */
static void useless_buffers(void)
{
	fake_up(&f);
	fake_desc(&f, VHU_RX, 0, f.q[VHU_RX].buffers, PKT_HDR_SIZE, WRITE, 0);
	(void)fake_connect(&f, "CONNECT 1\n");
	test_true(!f.d->vhu.running);
	fake_close(&f);

	fake_up(&f);
	fake_desc(&f, VHU_TX, 0, f.q[VHU_TX].buffers, PKT_HDR_SIZE - 1, 0, 0);
	fake_offer(&f, VHU_TX, 0);
	fake_kick(&f, VHU_TX);
	fake_settle(&f);
	test_true(!f.d->vhu.running);
	fake_close(&f);
}

/* Header and payload cut in the most awkward places, as a driver may do. */
static void buffers_in_crumbs(void)
{
	struct pkt pkt = fake_pkt(VIRTIO_VSOCK_OP_RW, 0, 5);
	uint64_t at = FAKE_HIGH + (20u << 20);
	uint8_t raw[PKT_HDR_SIZE + 8];
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	pkt.dst_port = port;
	pkt.len = 8;
	pkt.src_cid = FAKE_GUEST_CID;
	pkt.dst_cid = PKT_CID_HOST;
	pkt.type = VIRTIO_VSOCK_TYPE_STREAM;
	pkt_encode(&pkt, raw);
	memcpy(raw + PKT_HDR_SIZE, "in parts", 8);
	for (uint16_t i = 0; i < sizeof(raw); i++) {
		memcpy(fake_ptr(&f, at + 16u * i), &raw[i], 1);
		fake_desc(&f, VHU_TX, i, at + 16u * i, 1, i + 1u < sizeof(raw) ? NEXT : 0,
			  (uint16_t)(i + 1));
	}
	fake_offer(&f, VHU_TX, 0);
	fake_kick(&f, VHU_TX);
	fake_settle(&f);
	fake_read(fd, "in parts");
	close(fd);
	fake_close(&f);
}

int main(void)
{
	log_init("test", -1, LOG_LEVEL_ERROR);
	test_run(chain_of_pieces);
	test_run(indices_wrap);
	test_run(unpop_gives_back);
	test_run(one_interrupt_a_batch);
	test_run(notifications);
	test_run(too_many_pieces_stay);
	test_run(hostile_rings);
	test_run(index_may_not_overtake);
	test_run(bad_places);
	test_run(device_survives_broken_rings);
	test_run(useless_buffers);
	test_run(buffers_in_crumbs);
	return 0;
}
