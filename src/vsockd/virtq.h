/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vsockd/vhu_mem.h"

/*
 * The device's side of a split virtqueue (virtio 1.2, 2.7), for a device that finishes each chain
 * before it takes the next batch.
 *
 * The guest may write to the rings and the descriptors at any time, so each field is read once,
 * into local memory, and checked there. What is wrong with a ring is wrong for good: virtq_pop()
 * says -EPROTO and the queue is of no use until it is started again.
 *
 * As every chain that was taken is put back before the queue stops, the place in the used ring
 * follows from the place in the available ring; the guest's copy is never read.
 */

#define VIRTQ_SIZE_MAX 1024

/**
 * struct virtq - one queue
 * @size: entries, a power of two; 0 until known
 * @user_addr: descriptor table, available ring, used ring, in the front-end's address space
 * @next_avail: next entry of the available ring to take
 * @next_used: next entry of the used ring to write; chains before it are done
 * @published: what the guest can see of @next_used; @signalled: what it was interrupted for
 * @started: the rings are mapped and may be touched
 * @quiet: the guest was asked not to notify us
 * @call_fd: eventfd that interrupts the guest; owned
 * @err_fd: eventfd that tells the front-end about a broken ring; owned
 */
struct virtq {
	uint16_t size;
	uint64_t user_addr[3];
	uint16_t next_avail, next_used, published, signalled;
	bool started, quiet;
	int call_fd, err_fd;

	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

enum virtq_part {
	VIRTQ_DESC,
	VIRTQ_AVAIL,
	VIRTQ_USED,
};

/** enum virtq_dir - what all buffers of a queue are, from the device's point of view */
enum virtq_dir {
	VIRTQ_READABLE,
	VIRTQ_WRITABLE,
};

/**
 * struct virtq_chain - a chain of buffers taken from the available ring
 * @head: its name in the used ring
 * @iov: pieces, in the guest's memory
 * @n_iov: how many; 0 for a chain of empty buffers
 * @len: bytes in them
 */
struct virtq_chain {
	uint16_t head;
	struct iovec *iov;
	size_t n_iov;
	size_t len;
};

#define VIRTQ_NULL                                  \
	{                                           \
		.call_fd = -EBADF, .err_fd = -EBADF \
	}

/** virtq_deinit() - stop and close the descriptors */
void virtq_deinit(struct virtq *vq);

/**
 * virtq_start() - find the rings in memory, as set in @size, @user_addr and @next_avail
 *
 * Return: 0; -EINVAL: size or alignment is wrong; -EFAULT: a ring is not in one region.
 */
int virtq_start(struct virtq *vq, const struct vhu_mem *mem);

/** virtq_stop() - forget the mapping; nothing touches the rings until the next start */
void virtq_stop(struct virtq *vq);

/**
 * virtq_pop() - take the next chain
 * @dir: what its buffers must be
 * @iov: room for the pieces
 * @max: pieces that fit
 *
 * Return: 1 and @ret_chain is set; 0: the ring is empty; -ENOBUFS: more than @max pieces, the chain
 * stays where it is; -EPROTO: the ring makes no sense (index out of range, loop, address outside
 * the guest's memory, buffer in the wrong direction, indirect table without the feature).
 */
int virtq_pop(struct virtq *vq, const struct vhu_mem *mem, enum virtq_dir dir, struct iovec *iov,
	      size_t max, struct virtq_chain *ret_chain);

/** virtq_unpop() - give back the last @n chains taken, untouched */
void virtq_unpop(struct virtq *vq, uint16_t n);

/** virtq_put() - a chain is done, @len bytes were written to it; virtq_publish() shows it */
void virtq_put(struct virtq *vq, uint16_t head, uint32_t len);

/** virtq_publish() - let the guest see what was put. Return: chains it was not interrupted for. */
uint16_t virtq_publish(struct virtq *vq);

/** virtq_signal() - interrupt the guest if there is anything new and it wants to be */
void virtq_signal(struct virtq *vq);

/** virtq_flush() - both, with one interrupt at most */
void virtq_flush(struct virtq *vq);

/** virtq_quiet() - ask the guest not to notify us of new chains */
void virtq_quiet(struct virtq *vq);

/**
 * virtq_wake() - ask to be notified. Return: true: there are chains already, nobody will notify.
 */
bool virtq_wake(struct virtq *vq);

/** virtq_call() - interrupt the guest unconditionally */
void virtq_call(struct virtq *vq);

/** virtq_report() - tell the front-end that the queue is broken */
void virtq_report(struct virtq *vq);
