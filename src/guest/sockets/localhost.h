/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/vsock.h"

/**
 * localhost_dial() - connect to what the id of a stream names, if that is a port (abi.h)
 *
 * Return: as vsock_dial(); -ENOENT: it is none; -EBUSY: there are ABI_STREAM_TCPS connections.
 */
int localhost_dial(struct vsock_dial *dial, struct loop *loop, const char *id,
		   void (*done)(struct vsock_dial *dial, int fd));

/**
 * localhost_start() - pass on what comes out of either socket, from now on
 * @a, @b: non-blocking; owned from here, even on failure
 *
 * Return: 0 or negative errno (-EBUSY).
 */
int localhost_start(struct loop *loop, int a, int b);
