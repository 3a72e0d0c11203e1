/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "loop/loop.h"
#include "vsockd/pkt.h"
#include "vsockd/wbuf.h"

/*
 * One connection between a stream socket of the host and a vsock socket of the guest.
 *
 *    a program of the host connects            the guest sends REQUEST
 *                 |                                       |
 *                 v                                       | connect() to the program that
 *          CONN_HANDSHAKE --bad line, 10 s--> (freed)     | listens on this port; nobody:
 *                 |                                       | RST, no connection comes to be
 *                 | "CONNECT <port>\n"                    |
 *                 v                                       |
 *          CONN_REQUESTED --2 s--> CONN_DEAD              |
 *                 |                                       |
 *                 | RESPONSE: "OK <port>\n"               | RESPONSE is queued
 *                 v                                       v
 *             CONN_OPEN <---------------------------------+
 *                 |
 *                 | RST or a lie from the guest; both directions closed by the guest;
 *                 | both closed here and no answer within 2 s
 *                 v
 *             CONN_DEAD ----> (freed)
 *
 * CONN_HANDSHAKE: has no ports, the guest knows nothing of it.
 * CONN_REQUESTED: only RESPONSE and RST make sense. The host's bytes stay in its socket.
 * CONN_OPEN: each direction ends by itself:
 *   guest_shut, as the guest's SHUTDOWN packets said; host_shut, as ours said or will say. SEND is
 *   set once all bytes of the host's socket have passed, RCV when the host does not read any more.
 *   With both set in host_shut the host's socket is closed already, and the guest answers with RST.
 * CONN_DEAD: frees itself when the RST is on the ring, if one is due, and when the host has taken
 *   the bytes that the guest sent before. Packets to it are ignored. Once the RST is out it has no
 *   ports: the guest may use them again.
 *
 * Nothing is ever dropped for want of room. Packets without payload are bits in "pending"; bytes of
 * the host wait in its socket until the guest has credit and buffers; bytes of the guest are
 * written at once, or kept in a buffer as large as the credit that it was given.
 */

struct vsockd;

enum conn_state {
	CONN_FREE,
	CONN_HANDSHAKE,
	CONN_REQUESTED,
	CONN_OPEN,
	CONN_DEAD,
};

/** enum conn_pending - packets that are due, in the order in which they go out */
enum conn_pending {
	CONN_P_REQUEST = 1 << 0,
	CONN_P_RESPONSE = 1 << 1,
	CONN_P_CREDIT_UPDATE = 1 << 2,
	CONN_P_CREDIT_REQUEST = 1 << 3,
	CONN_P_SHUTDOWN = 1 << 4,
	CONN_P_RST = 1 << 5,
};

/**
 * struct conn - one slot of the table
 * @io: the host's socket; its descriptor is owned
 * @timer: the deadline of the present state
 * @control: in the list of those with something pending
 * @run: in the list of those whose host socket may have bytes
 * @next: table of free slots, or chain of a hash bucket: index + 1, or 0
 * @hashed: the table finds it by its ports
 * @readable: the host's socket was not yet found empty
 * @hup: the program of the host is gone
 * @wr_shut: the program of the host was told that the guest sends no more
 * @asked: the guest was asked for credit and did not give any yet
 * @tx_cnt: bytes sent to the guest; @peer_buf_alloc, @peer_fwd_cnt: what it said of them
 * @rx_cnt: bytes received from the guest; @fwd_cnt: of those, bytes the host's socket took;
 *   @told_fwd_cnt: what the guest knows of that. All wrap (virtio 1.2, 5.10.6.3).
 * @wbuf: bytes of the guest that wait; its size is the credit we give
 */
struct conn {
	struct vsockd *d;
	struct loop_io io;
	struct loop_timer timer;
	struct list control, run;
	uint32_t host_port, guest_port;
	uint16_t next;

	uint8_t state;
	uint8_t pending;
	uint8_t guest_shut, host_shut;
	bool hashed : 1;
	bool readable : 1;
	bool hup : 1;
	bool wr_shut : 1;
	bool asked : 1;

	uint32_t tx_cnt, peer_buf_alloc, peer_fwd_cnt;
	uint32_t rx_cnt, fwd_cnt, told_fwd_cnt;
	struct wbuf wbuf;
};

/** enum conn_pull - how far conn_pull() came */
enum conn_pull {
	CONN_PULL_IDLE,	   /* nothing more to read, or no credit; it says when that changes */
	CONN_PULL_MORE,	   /* there may be more: ask again when it is its turn */
	CONN_PULL_STARVED, /* the guest has no buffers now */
};

/** conn_handshake() - begin with a program that connected; @fd is taken over always */
void conn_handshake(struct vsockd *d, int fd);

/** conn_accept() - a REQUEST of the guest; refused when nobody listens or the table is full */
void conn_accept(struct vsockd *d, const struct pkt *pkt);

/**
 * conn_input() - a packet of the guest for a connection that exists
 * @iov: payload of exactly @pkt->len bytes in guest memory, only used during the call
 */
void conn_input(struct conn *conn, const struct pkt *pkt, const struct iovec *iov, size_t n);

/** conn_control() - put pending packets on the ring. Return: false: there are more, it is full. */
bool conn_control(struct conn *conn);

/** conn_pull() - move bytes from the host's socket to the guest, a bounded amount */
enum conn_pull conn_pull(struct conn *conn);

/** conn_drop() - free the slot and close the socket at once; the guest is told nothing */
void conn_drop(struct conn *conn);

/**
 * conn_abandon() - there is no guest any more; only what it has sent before still goes to the host
 */
void conn_abandon(struct conn *conn);

/** conn_survives_reset() - is it all the same to it when the guest's driver starts anew? */
bool conn_survives_reset(const struct conn *conn);
