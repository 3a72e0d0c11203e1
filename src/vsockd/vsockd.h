/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "loop/loop.h"
#include "vsockd/table.h"
#include "vsockd/vhu_msg.h"

/*
 * One vsock device: a front-end, a listener for programs of the host, and the connections between
 * guest and host. Nothing is allocated but the buffers of connections whose host program does not
 * read (wbuf.h).
 *
 * The loop's callbacks only note what happened. The work is done once a turn by a deferred
 * callback, the pump (guest.c): packets from the guest, then packets that are due, then bytes of
 * the host, then at most one interrupt for each ring.
 */

/* Answers to packets that have no connection. When this many wait, no packet is taken. */
#define VSOCKD_REFUSALS_MAX 1024

/* One chain may have as many pieces as the largest ring, and one system call as many. */
#define VSOCKD_IOV_MAX	VIRTQ_SIZE_MAX

#define VSOCKD_DIAL_MAX 96

/**
 * struct vsockd_config - what differs between devices
 * @guest_cid: the guest's address
 * @dial_base: connections to port P of the host go to the socket "<dial_base>_<P>"; kept
 * @handshake_ns: a program that connects must say where to within this time
 * @response_ns: the guest must answer a request within this time
 * @close_ns: the guest must answer the end of both directions within this time
 * @tx_call_ns: an interrupt that only says that packets were taken may wait this long
 */
struct vsockd_config {
	uint64_t guest_cid;
	const char *dial_base;
	uint64_t handshake_ns, response_ns, close_ns, tx_call_ns;
};

/* Times as in Firecracker, but for the first: there a silent program stays for ever. */
#define VSOCKD_CONFIG_DEFAULT                                                          \
	{                                                                              \
		.guest_cid = 3, .handshake_ns = UINT64_C(10000000000),                 \
		.response_ns = UINT64_C(2000000000), .close_ns = UINT64_C(2000000000), \
		.tx_call_ns = UINT64_C(1000000)                                        \
	}

/** struct vsockd_refusal - a reset that is due, for ports without a connection */
struct vsockd_refusal {
	uint64_t cid;
	uint32_t host_port, guest_port;
	uint16_t type;
};

/**
 * struct vsockd - the device
 * @control: connections with packets pending; @run: those whose host socket may have bytes
 * @pump: the deferred callback that does the work
 * @tx_call: interrupts the guest for packets taken from it, at the latest
 * @broken: a ring made no sense
 * @leaving: the front-end is gone, and @status is why; bytes of the guest are still on their way
 * @refusals, @refusals_at, @refusals_n: queue of resets
 * @iov: pieces of the chains at work; @payload: their payload only
 * @gone: called when the front-end hung up (0) or was cut off (negative errno), and the programs of
 *   the host have taken, or closed, what the guest had sent before
 */
struct vsockd {
	struct loop *loop;
	struct vsockd_config config;
	struct vhu vhu;
	struct loop_io listener;
	struct loop_defer pump;
	struct loop_timer tx_call;
	struct list control, run;
	bool broken, leaving;
	int status;
	void (*gone)(struct vsockd *d, int status);

	struct vsockd_refusal refusals[VSOCKD_REFUSALS_MAX];
	unsigned int refusals_at, refusals_n;
	struct iovec iov[VSOCKD_IOV_MAX], payload[VSOCKD_IOV_MAX];
	struct table table;
};

/**
 * vsockd_init() - @d must be zeroed memory
 * @max_conns: connections at a time, at most TABLE_SLOTS
 */
void vsockd_init(struct vsockd *d, struct loop *loop, const struct vsockd_config *config,
		 unsigned int max_conns);

/**
 * vsockd_start() - serve
 * @front_end: connected socket to the front-end; @listener: listening unix stream socket. Both
 *   non-blocking, and taken over always.
 *
 * Return: 0 or negative errno.
 */
int vsockd_start(struct vsockd *d, int front_end, int listener);

/** vsockd_deinit() - close and free everything; may run twice */
void vsockd_deinit(struct vsockd *d);
