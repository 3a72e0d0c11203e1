/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/list.h"
#include "loop/loop.h"

/* As many connections are passed on at a time, of all doors together; more wait to be accepted. */
#define DOOR_CONNS_MAX 64

/**
 * struct door - what containers connect to, each connection being one to a vsock port of the host
 * @port: that
 */
struct door {
	struct list link;
	struct loop_io io;
	uint32_t port;
};

#define DOOR_NULL(d)                                            \
	{                                                       \
		.link = LIST_NULL((d).link), .io = LOOP_IO_NULL \
	}

/**
 * door_open() - pass connections on from now on
 * @fd: listens, non-blocking; owned by the door from here, unless this fails
 *
 * Return: 0 or negative errno.
 */
int door_open(struct door *door, struct loop *loop, int fd, uint32_t port);

/** door_close() - no more; those that there are stay. May be called again. */
void door_close(struct door *door);
