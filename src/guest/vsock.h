/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "loop/loop.h"

/*
 * The kernel makes a packet of up to 64 KiB of what is written, in one piece of memory, and does not
 * wait for that (ENOMEM). For pieces of this size it waits.
 */
#define VSOCK_SMALL (16u << 10)

/*
 * Stream sockets of AF_VSOCK (vsock(7)). Only the host (CID 2) may connect: where the kernel has
 * the loopback transport, processes in a container could otherwise reach vminitd too.
 */

/**
 * struct vsock_listener - accepts connections of the host
 * @fd: owned
 * @accepted: gets a non-blocking descriptor, which it owns
 */
struct vsock_listener {
	struct loop_io io;
	int fd;
	void (*accepted)(struct vsock_listener *listener, int fd);
};

#define VSOCK_LISTENER_NULL                      \
	{                                        \
		.io = LOOP_IO_NULL, .fd = -EBADF \
	}

/** vsock_listen() - listen on @port of any address of this VM. Return: 0 or negative errno. */
int vsock_listen(struct vsock_listener *listener, struct loop *loop, uint32_t port,
		 void (*accepted)(struct vsock_listener *listener, int fd));

/**
 * vsock_connect() - connect to a port of the host, and wait for that: not in vminitd itself
 *
 * Return: a descriptor that blocks, or negative errno.
 */
int vsock_connect(uint32_t port);

/**
 * struct vsock_dial - a connection being made, to the host or elsewhere
 * @fd: owned, until it is handed to @done
 * @done: @fd: non-blocking, which it owns, or negative errno
 */
struct vsock_dial {
	struct loop_io io;
	int fd;
	void (*done)(struct vsock_dial *dial, int fd);
};

#define VSOCK_DIAL_NULL                          \
	{                                        \
		.io = LOOP_IO_NULL, .fd = -EBADF \
	}

/**
 * vsock_dial() - connect to a port of the host
 *
 * Return: 0: @done will be called once; negative errno: it will not (-ENODEV: there is no device).
 */
int vsock_dial(struct vsock_dial *dial, struct loop *loop, uint32_t port,
	       void (*done)(struct vsock_dial *dial, int fd));

/**
 * vsock_dial_await() - wait for any connection
 * @fd: connected, or about to be; owned from here, even on failure
 *
 * Return: as vsock_dial().
 */
int vsock_dial_await(struct vsock_dial *dial, struct loop *loop, int fd,
		     void (*done)(struct vsock_dial *dial, int fd));

/** vsock_dial_stop() - give up, without @done; may be called again */
void vsock_dial_stop(struct vsock_dial *dial);
