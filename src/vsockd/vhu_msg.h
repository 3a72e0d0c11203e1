/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "vsockd/vhu_mem.h"
#include "vsockd/vhu_proto.h"
#include "vsockd/virtq.h"

/*
 * The vhost-user connection to the front-end (QEMU): it hands over the guest's memory and the two
 * queues that carry packets, and starts and stops them. Front-ends are not trusted: a message that
 * breaks the protocol ends the connection.
 */

#define VHU_RX	     0 /* packets to the guest */
#define VHU_TX	     1 /* packets from the guest */
#define VHU_N_QUEUES 2 /* the event queue stays with the front-end */

/* A guest can do wrong for ever, but not fill logs with it. */
#define VHU_COMPLAINTS_MAX 5

struct vhu;

/**
 * struct vhu_ops - what happens to the device; called from the loop
 * @start: both queues run. @fresh: the guest's driver begins anew; otherwise it goes on where it
 *   was when the queues stopped, as after a pause
 * @stop: they will not any more: what the guest put on them before may be taken now for the last
 *   time. Not with rings that vhu_fail() gave up.
 * @kick: the guest notified a queue of a device that runs
 * @gone: the front-end hung up (0), or the connection was ended for the errno given
 */
struct vhu_ops {
	void (*start)(struct vhu *vhu, bool fresh);
	void (*stop)(struct vhu *vhu);
	void (*kick)(struct vhu *vhu);
	void (*gone)(struct vhu *vhu, int status);
};

/**
 * struct vhu_queue - a ring and what the front-end set for it
 * @owner: the connection it belongs to
 * @base: where the driver last stopped; -1 before the first start
 */
struct vhu_queue {
	struct vhu *owner;
	struct virtq ring;
	struct loop_io kick;
	bool enabled;
	int32_t base;
};

/**
 * struct vhu - one connection
 * @offered: features offered, @features: accepted; @protocol_features: accepted
 * @running: both queues run
 * @fresh: some queue did not start where it had stopped
 * @complaints: how often the guest was complained about
 * @header, @payload: the message being received, of which @have bytes are there
 * @fds, @n_fds: descriptors that came with it
 */
struct vhu {
	struct loop *loop;
	const struct vhu_ops *ops;
	struct loop_io io;
	uint64_t guest_cid;
	uint64_t features, protocol_features;
	bool running, fresh;
	unsigned int complaints;

	struct vhu_mem mem;
	struct vhu_queue queues[VHU_N_QUEUES];

	struct vhu_header header;
	union vhu_payload payload;
	size_t have;
	int fds[VHU_MEM_REGIONS_MAX];
	size_t n_fds;
};

/** vhu_init() - before anything else */
void vhu_init(struct vhu *vhu, struct loop *loop, const struct vhu_ops *ops, uint64_t guest_cid);

/**
 * vhu_start() - speak on a connected socket
 * @fd: non-blocking unix stream socket; taken over on success
 *
 * Return: 0 or negative errno.
 */
int vhu_start(struct vhu *vhu, int fd);

/** vhu_fail() - a ring is broken: tell the front-end, stop the device until it is started again */
void vhu_fail(struct vhu *vhu);

/** vhu_may_complain() - is what the guest did still worth a message? Counts. */
bool vhu_may_complain(struct vhu *vhu);

/** vhu_deinit() - stop the device, close and unmap everything; may run twice */
void vhu_deinit(struct vhu *vhu);
