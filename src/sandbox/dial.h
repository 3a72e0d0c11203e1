/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

/**
 * struct guest_address - where a guest's vsock ports are reached
 * @hybrid_path: a unix socket that speaks Firecracker's "CONNECT <port>" (Firecracker,
 *	docs/vsock.md), or NULL: the host kernel's AF_VSOCK with @cid
 */
struct guest_address {
	const char *hybrid_path;
	uint32_t cid;
};

/**
 * struct dial - one attempt to connect to a port of the guest
 * @done: called once with a connected, non-blocking descriptor, which it owns, or negative errno
 *	(-ECONNREFUSED: nobody listens there; -ETIMEDOUT: not even the VMM answers)
 */
struct dial {
	struct loop *loop; /* NULL: not begun */
	struct loop_io io;
	struct loop_timer deadline, again;
	int socket, fd;
	uint32_t port;
	char line[32];
	size_t len;
	bool hybrid, asked;
	void (*done)(struct dial *dial, int fd);
};

#define DIAL_NULL                                                  \
	{                                                          \
		.io = LOOP_IO_NULL, .socket = -EBADF, .fd = -EBADF \
	}

/** dial_start() - begin. Return: 0; or negative errno, and then @done is not called. */
int dial_start(struct dial *dial, struct loop *loop, const struct guest_address *address,
	       uint32_t port, void (*done)(struct dial *dial, int fd));

/** dial_stop() - give up without calling @done; may be called again */
void dial_stop(struct dial *dial);

/**
 * guest_is_peer() - Return: whether the guest is at the other end of a connection that was accepted
 *
 * A hybrid socket is in a folder of this VM alone; at the host's own vsock others could connect as well.
 */
bool guest_is_peer(const struct guest_address *address, int fd);
