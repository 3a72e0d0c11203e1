/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "vsockd/vsockd.h"

/* The two rings that carry packets. */

/** guest_ops - what the front-end's messages do to the device */
extern const struct vhu_ops guest_ops;

/** guest_pump() - there is work: do it in this turn of the loop */
void guest_pump(struct vsockd *d);

/** guest_send() - put a packet without payload on the ring. Return: false: there is no room. */
bool guest_send(struct vsockd *d, const struct pkt *pkt);

/**
 * guest_stream() - read from a socket straight into the guest's buffers, as RW packets
 * @pkt: their header, but for the length
 * @max: bytes to read at most
 *
 * Return: bytes sent; 0: the socket's end; -ENOBUFS: the guest has no buffers now; negative errno
 * of readv(), -EAGAIN if there is nothing to read.
 */
ssize_t guest_stream(struct vsockd *d, const struct pkt *pkt, int fd, size_t max);

/** guest_refuse() - answer a packet with a reset, unless it is one */
void guest_refuse(struct vsockd *d, const struct pkt *pkt);
