/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "vsockd/vhu_msg.h"

/*
 * What the front-end's messages do to a queue. Settings change only while a queue is stopped.
 */

/** vhu_queue_init() - before anything else */
void vhu_queue_init(struct vhu *vhu, struct vhu_queue *queue);

/** vhu_queue_deinit() - stop and close; may run twice */
void vhu_queue_deinit(struct vhu_queue *queue);

/** vhu_queue_set_num() - number of entries. Return: 0, -EPROTO (no power of two, running). */
int vhu_queue_set_num(struct vhu_queue *queue, uint32_t num);

/** vhu_queue_set_base() - entry of the available ring to begin with. Return: 0 or -EPROTO. */
int vhu_queue_set_base(struct vhu_queue *queue, uint32_t base);

/** vhu_queue_set_addr() - where the rings are. Return: 0 or -EPROTO. */
int vhu_queue_set_addr(struct vhu_queue *queue, const struct vhost_vring_addr *addr);

/**
 * vhu_queue_start() - the queue runs from now on
 * @kick_fd: readable when the guest added chains; taken over always
 *
 * A guest may have put its rings where none can be: that leaves the queue broken, and is no error
 * of the front-end.
 *
 * Return: 0 or negative errno.
 */
int vhu_queue_start(struct vhu *vhu, struct vhu_queue *queue, int kick_fd);

/** vhu_queue_stop() - it runs no more; harmless when stopped */
void vhu_queue_stop(struct vhu_queue *queue);

/** vhu_queue_fail() - it makes no sense: of no use until it is started again */
void vhu_queue_fail(struct vhu_queue *queue);

/** vhu_queue_remap() - the table of guest memory has changed */
void vhu_queue_remap(struct vhu_queue *queue, const struct vhu_mem *mem);

/** vhu_halt() - the device stops, if it runs, while its rings are still there */
void vhu_halt(struct vhu *vhu);

/** vhu_update() - tell the device if it begins or ceases to run */
void vhu_update(struct vhu *vhu);
