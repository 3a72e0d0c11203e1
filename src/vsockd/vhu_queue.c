/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/vhu_queue.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"

#define QUEUE_NEVER_RAN (-1)

void vhu_queue_init(struct vhu *vhu, struct vhu_queue *queue)
{
	*queue = (struct vhu_queue){
		.owner = vhu,
		.ring = VIRTQ_NULL,
		.kick = LOOP_IO_NULL,
		.base = QUEUE_NEVER_RAN,
	};
}

void vhu_queue_deinit(struct vhu_queue *queue)
{
	vhu_queue_stop(queue);
	virtq_deinit(&queue->ring);
}

int vhu_queue_set_num(struct vhu_queue *queue, uint32_t num)
{
	if (loop_io_active(&queue->kick) || num == 0 || num > VIRTQ_SIZE_MAX || (num & (num - 1)))
		return -EPROTO;
	queue->ring.size = (uint16_t)num;
	return 0;
}

int vhu_queue_set_base(struct vhu_queue *queue, uint32_t base)
{
	if (loop_io_active(&queue->kick) || base > UINT16_MAX)
		return -EPROTO;
	queue->ring.next_avail = (uint16_t)base;
	return 0;
}

int vhu_queue_set_addr(struct vhu_queue *queue, const struct vhost_vring_addr *addr)
{
	/* The only flag asks for a log of dirty pages, a feature that is not offered. */
	if (loop_io_active(&queue->kick) || addr->flags)
		return -EPROTO;
	queue->ring.user_addr[VIRTQ_DESC] = addr->desc_user_addr;
	queue->ring.user_addr[VIRTQ_AVAIL] = addr->avail_user_addr;
	queue->ring.user_addr[VIRTQ_USED] = addr->used_user_addr;
	return 0;
}

static void kicked(struct loop_io *io, uint32_t revents _unused_)
{
	struct vhu *vhu = container_of(io, struct vhu_queue, kick)->owner;

	if (vhu->running)
		vhu->ops->kick(vhu);
}

int vhu_queue_start(struct vhu *vhu, struct vhu_queue *queue, int kick_fd)
{
	_cleanup_close_ int fd = kick_fd;
	int r;

	if (loop_io_active(&queue->kick))
		return -EPROTO;
	/*
	 * Edge-triggered, the eventfd need not be read: each write to it wakes us. That is one
	 * system call less for each notification.
	 */
	r = loop_io_start(vhu->loop, &queue->kick, fd, EPOLLIN | EPOLLET, kicked);
	if (r < 0)
		return r;
	fd = -EBADF;
	if (queue->base != queue->ring.next_avail)
		vhu->fresh = true;
	r = virtq_start(&queue->ring, &vhu->mem);
	if (r < 0) {
		if (vhu_may_complain(vhu))
			log_warn("the guest's ring is unusable: %s", strerror(-r));
		vhu_queue_fail(queue);
	}
	return 0;
}

void vhu_queue_stop(struct vhu_queue *queue)
{
	int fd = queue->kick.fd;

	if (!loop_io_active(&queue->kick))
		return;
	loop_io_stop(&queue->kick);
	fd_close(fd);
	/* A ring that broke cannot be gone on with. */
	queue->base = queue->ring.started ? queue->ring.next_avail : QUEUE_NEVER_RAN;
	virtq_stop(&queue->ring);
}

void vhu_queue_fail(struct vhu_queue *queue)
{
	/* All that QEMU does about it is to write it to its log. */
	if (queue->owner->complaints < VHU_COMPLAINTS_MAX)
		virtq_report(&queue->ring);
	virtq_stop(&queue->ring);
}

void vhu_queue_remap(struct vhu_queue *queue, const struct vhu_mem *mem)
{
	if (queue->ring.started && virtq_start(&queue->ring, mem) < 0)
		vhu_queue_fail(queue);
}

static bool runs(const struct vhu *vhu, const struct vhu_queue *queue)
{
	bool enabled =
		queue->enabled || !(vhu->features & (UINT64_C(1) << VHU_F_PROTOCOL_FEATURES));

	return enabled && queue->ring.started;
}

void vhu_halt(struct vhu *vhu)
{
	if (vhu->running)
		vhu->ops->stop(vhu);
	vhu->running = false;
}

void vhu_update(struct vhu *vhu)
{
	if (!runs(vhu, &vhu->queues[VHU_RX]) || !runs(vhu, &vhu->queues[VHU_TX])) {
		vhu_halt(vhu);
		return;
	}
	if (vhu->running)
		return;
	vhu->running = true;
	vhu->ops->start(vhu, vhu->fresh);
	vhu->fresh = false;
}
