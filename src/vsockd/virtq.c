/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/virtq.h"

#include <endian.h>
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/seal.h"

/* Fields that the guest may change under us are read and written through these, once each. */
#define ring_read(p)	 __atomic_load_n((p), __ATOMIC_RELAXED)
#define ring_write(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)

void virtq_deinit(struct virtq *vq)
{
	virtq_stop(vq);
	vq->call_fd = fd_close(vq->call_fd);
	vq->err_fd = fd_close(vq->err_fd);
}

static void *find_part(const struct virtq *vq, const struct vhu_mem *mem, enum virtq_part part,
		       uint64_t len, uint64_t align)
{
	uint8_t *p = vhu_mem_user(mem, vq->user_addr[part], len);

	return p && (uintptr_t)p % align == 0 ? p : NULL;
}

int virtq_start(struct virtq *vq, const struct vhu_mem *mem)
{
	const uint64_t n = vq->size;

	virtq_stop(vq);
	if (n == 0 || n > VIRTQ_SIZE_MAX || (n & (n - 1)))
		return -EINVAL;
	for (int i = 0; i < 3; i++)
		if (vq->user_addr[i] % (i == VIRTQ_DESC ? 16 : i == VIRTQ_AVAIL ? 2 : 4))
			return -EINVAL;
	/* Sizes and alignments: virtio 1.2, 2.7. Both rings end in an event index. */
	vq->desc = find_part(vq, mem, VIRTQ_DESC, 16 * n, _Alignof(struct vring_desc));
	vq->avail = find_part(vq, mem, VIRTQ_AVAIL, 6 + 2 * n, _Alignof(struct vring_avail));
	vq->used = find_part(vq, mem, VIRTQ_USED, 6 + 8 * n, _Alignof(struct vring_used));
	if (!vq->desc || !vq->avail || !vq->used)
		return -EFAULT;
	vq->next_used = vq->published = vq->signalled = vq->next_avail;
	vq->quiet = false;
	ring_write(&vq->used->flags, 0);
	vq->started = true;
	return 0;
}

void virtq_stop(struct virtq *vq)
{
	vq->started = false;
	vq->desc = NULL;
	vq->avail = NULL;
	vq->used = NULL;
}

/*
 * Follow a chain. A loop, or a chain through a descriptor twice, shows as more descriptors than
 * the table has.
 */
static int walk(const struct virtq *vq, const struct vhu_mem *mem, enum virtq_dir dir, size_t max,
		struct virtq_chain *chain)
{
	uint16_t at = chain->head, flags = VRING_DESC_F_NEXT;

	for (uint16_t seen = 0; flags & VRING_DESC_F_NEXT; seen++) {
		const struct vring_desc *desc;
		uint64_t addr;
		uint32_t len;
		void *p;

		if (at >= vq->size || seen >= vq->size)
			return -EPROTO;
		desc = &vq->desc[at];
		addr = le64toh(ring_read(&desc->addr));
		len = le32toh(ring_read(&desc->len));
		flags = le16toh(ring_read(&desc->flags));
		at = le16toh(ring_read(&desc->next));
		if (flags & VRING_DESC_F_INDIRECT)
			return -EPROTO;
		if (!(flags & VRING_DESC_F_WRITE) != (dir == VIRTQ_READABLE))
			return -EPROTO;
		if (len == 0)
			continue;
		p = vhu_mem_guest(mem, addr, len);
		if (!p)
			return -EPROTO;
		if (chain->n_iov == max)
			return -ENOBUFS;
		chain->iov[chain->n_iov++] = (struct iovec){.iov_base = p, .iov_len = len};
		chain->len += len;
	}
	return 1;
}

int virtq_pop(struct virtq *vq, const struct vhu_mem *mem, enum virtq_dir dir, struct iovec *iov,
	      size_t max, struct virtq_chain *ret_chain)
{
	struct virtq_chain chain = {.iov = iov};
	uint16_t avail;
	int r;

	if (!vq->started)
		return -EPROTO;
	/* Pairs with the driver's barrier: the ring entry is as new as the index. */
	avail = le16toh(__atomic_load_n(&vq->avail->idx, __ATOMIC_ACQUIRE));
	if (avail == vq->next_avail)
		return 0;
	/*
	 * Descriptors that the guest was not told to be used are ours: it has no others to offer.
	 */
	if ((uint16_t)(avail - vq->published) > vq->size)
		return -EPROTO;
	chain.head = le16toh(ring_read(&vq->avail->ring[vq->next_avail & (vq->size - 1)]));
	r = walk(vq, mem, dir, max, &chain);
	if (r < 0)
		return r;
	vq->next_avail++;
	*ret_chain = chain;
	return 1;
}

void virtq_unpop(struct virtq *vq, uint16_t n)
{
	vq->next_avail = (uint16_t)(vq->next_avail - n);
}

void virtq_put(struct virtq *vq, uint16_t head, uint32_t len)
{
	struct vring_used_elem *elem = &vq->used->ring[vq->next_used & (vq->size - 1)];

	ring_write(&elem->id, htole32(head));
	ring_write(&elem->len, htole32(len));
	vq->next_used++;
}

SEAL_ALLOW(write);

static void signal_event(int fd)
{
	static const uint64_t one = 1;

	/* EAGAIN: the counter is full, so the other side has been told more than once. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

void virtq_call(struct virtq *vq)
{
	signal_event(vq->call_fd);
}

uint16_t virtq_publish(struct virtq *vq)
{
	if (!vq->started)
		return 0;
	if (vq->published != vq->next_used)
		__atomic_store_n(&vq->used->idx, htole16(vq->next_used), __ATOMIC_RELEASE);
	vq->published = vq->next_used;
	return (uint16_t)(vq->published - vq->signalled);
}

void virtq_signal(struct virtq *vq)
{
	if (!vq->started || vq->signalled == vq->published)
		return;
	vq->signalled = vq->published;
	/* The index must be visible before the flag is read: the driver does it the other way. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(le16toh(ring_read(&vq->avail->flags)) & VRING_AVAIL_F_NO_INTERRUPT))
		virtq_call(vq);
}

void virtq_flush(struct virtq *vq)
{
	(void)virtq_publish(vq);
	virtq_signal(vq);
}

void virtq_quiet(struct virtq *vq)
{
	if (!vq->started || vq->quiet)
		return;
	ring_write(&vq->used->flags, htole16(VRING_USED_F_NO_NOTIFY));
	vq->quiet = true;
}

bool virtq_wake(struct virtq *vq)
{
	if (!vq->started)
		return false;
	if (vq->quiet) {
		ring_write(&vq->used->flags, 0);
		vq->quiet = false;
	}
	/* The flag must be visible before the index is read: the driver does it the other way. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return le16toh(ring_read(&vq->avail->idx)) != vq->next_avail;
}

void virtq_report(struct virtq *vq)
{
	signal_event(vq->err_fd);
}
