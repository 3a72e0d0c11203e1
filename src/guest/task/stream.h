/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "abi/abi.h"
#include "guest/vsock.h"

/*
 * Streams that the host has opened for stdio (abi/abi.h, "Streams"), from the moment they are
 * accepted until a process takes them.
 *
 * Each connection greets with its id. That is read as it comes, never in the way of others, and
 * must be complete in time. A greeted stream waits, under its id, for stream_take(). How many may
 * greet and wait is fixed: one more is answered with an error.
 *
 * One whose id is a port is connected with that (guest/sockets/localhost.h), in the same time, and waits for nobody.
 */

#define STREAM_MAX	   512
#define STREAM_GREETING_NS (UINT64_C(10) * 1000 * 1000 * 1000)

enum stream_state {
	STREAM_FREE,
	STREAM_GREETING,
	STREAM_DIALLING,
	STREAM_WAITING,
};

struct stream_table;

/**
 * struct stream - one connection
 * @fd: owned
 * @got: bytes of the greeting that have come
 * @greeting: the length, then the id, and a NUL
 * @dial: to a port
 */
struct stream {
	struct stream_table *table;
	struct loop_io io;
	struct loop_timer deadline;
	enum stream_state state;
	int fd;
	uint32_t got;
	uint8_t greeting[4 + ABI_STREAM_ID_MAX + 1];
	struct vsock_dial dial;
};

/**
 * struct stream_table - all of them; must be all zero before stream_init()
 * @n_seen: slots from here on were never used, and their memory never touched
 */
struct stream_table {
	struct loop *loop;
	size_t n_seen;
	struct stream slots[STREAM_MAX];
};

/** stream_init() - an empty table */
void stream_init(struct stream_table *table, struct loop *loop);

/** stream_deinit() - close all; may be called again */
void stream_deinit(struct stream_table *table);

/** stream_add() - a new connection, non-blocking; owned from now on */
void stream_add(struct stream_table *table, int fd);

/**
 * stream_take() - hand out a stream that waits, once
 *
 * Return: the descriptor, now the caller's, or -ENOENT.
 */
int stream_take(struct stream_table *table, const char *id);
