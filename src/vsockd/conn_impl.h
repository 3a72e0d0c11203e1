/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/virtio_vsock.h>

#include "vsockd/conn.h"
#include "vsockd/vsockd.h"

/*
 * Between the files of a connection: conn.c (its life and its ends), conn_in.c (packets from the
 * guest), conn_out.c (packets to the guest).
 */

#define CONN_SHUT_RCV  VIRTIO_VSOCK_SHUTDOWN_RCV
#define CONN_SHUT_SEND VIRTIO_VSOCK_SHUTDOWN_SEND
#define CONN_SHUT_BOTH (CONN_SHUT_RCV | CONN_SHUT_SEND)

/*
 * The credit that a connection gives. The guest can make us keep that much when a program of the
 * host does not read, so the first few, which are all that most VMs have, get more of it than the
 * rest. All together: 92 MiB.
 */
#define CONN_CREDIT_LARGE (256u * 1024)
#define CONN_CREDIT_SMALL (64u * 1024)
#define CONN_LARGE_MAX	  64

/** conn_due() - packets (enum conn_pending) are due */
void conn_due(struct conn *conn, unsigned int pending);

/** conn_run() - have conn_pull() called in its turn, if there is anything it could move */
void conn_run(struct conn *conn);

/** conn_may_pull() - may bytes of the host go to the guest, but for credit? */
bool conn_may_pull(const struct conn *conn);

/** conn_credit() - bytes that the guest has room for */
uint32_t conn_credit(const struct conn *conn);

/** conn_deadline() - the present state ends @ns from now */
void conn_deadline(struct conn *conn, uint64_t ns);

/** conn_host_ends() - the program of the host closed directions (CONN_SHUT_*) */
void conn_host_ends(struct conn *conn, unsigned int directions);

/** conn_guest_ends() - the guest closed directions (CONN_SHUT_*) */
void conn_guest_ends(struct conn *conn, unsigned int directions);

/** conn_reset() - end it at once, with a reset */
void conn_reset(struct conn *conn);

/** conn_dead() - the guest has ended it; the bytes it sent before still reach the host */
void conn_dead(struct conn *conn);

/** conn_forward() - pass bytes of the guest on to the host, or keep them */
void conn_forward(struct conn *conn, const struct iovec *iov, size_t n, uint32_t len);

/** conn_reap() - free a dead one that has nothing left to do */
void conn_reap(struct conn *conn);
