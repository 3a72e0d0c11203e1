/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "loop/loop.h"

/*
 * The copying between a process' stdio (a pipe, or the master of a terminal) and a stream of the
 * host (a socket).
 *
 * Nothing is kept here: what the other side does not take now stays in the pipe or the socket, so
 * that its writer stalls, and no one else. Only a terminal cannot be asked what it holds without
 * taking it: RELAY_HELD bytes, the caller's, are between its read and the socket's write.
 *
 *	relay_start() --> copying --> done(): all of it was copied, or one side is gone
 *			     |
 *			     +-- relay_finish(): the process is gone; done() after its last byte
 *
 * relay_stop() ends it in any state, without done().
 */

#define RELAY_HELD 4096

struct relay;

enum relay_end {
	RELAY_EOF,    /* everything was copied */
	RELAY_BROKEN, /* the host takes no more: what is left is lost */
};

/**
 * struct relay - one direction of one stream
 * @in, @out: owned
 * @finishing: nothing new is expected: empty means the end
 */
struct relay {
	struct loop *loop;
	struct loop_io in_io, out_io;
	struct loop_defer again;
	int in, out;
	const struct relay_type *type;
	bool finishing;
	char *held;
	size_t held_start, held_end;
	void (*done)(struct relay *relay, enum relay_end end);
};

#define RELAY_NULL(r)                                                            \
	{                                                                        \
		.in_io = LOOP_IO_NULL, .out_io = LOOP_IO_NULL,                   \
		.again = LOOP_DEFER_NULL((r).again), .in = -EBADF, .out = -EBADF \
	}

/* What to copy from and to. All but the terminals' must be non-blocking. */
extern const struct relay_type relay_pipe_to_socket; /* stdout, stderr */
extern const struct relay_type relay_tty_to_socket;  /* a terminal's output */
extern const struct relay_type relay_socket_to_pipe; /* stdin; its end closes the pipe */
extern const struct relay_type relay_socket_to_tty;  /* stdin; its end is none for the terminal */

/**
 * relay_setup() - once, before any other call
 * @null: /dev/null, which stays open for as long as there are relays
 *
 * Return: 0 or negative errno.
 */
int relay_setup(int null);

/** relay_init() - before first use, unless RELAY_NULL() was used */
void relay_init(struct relay *relay);

/**
 * relay_start() - begin to copy
 * @in, @out: owned from now on, also when this fails
 * @held: RELAY_HELD bytes for relay_tty_to_socket, which stay the caller's; else NULL
 * @done: the relay has come to its end: output is shut down for writing but still open (closing it
 *	is relay_stop()'s), all else is closed. relay_stop() may be called in it.
 *
 * When a process closes its stdin, what the host sends to it is thrown away until its end.
 *
 * Return: 0 or negative errno, and then @done is not called.
 */
int relay_start(struct relay *relay, struct loop *loop, const struct relay_type *type, int in,
		int out, char *held, void (*done)(struct relay *relay, enum relay_end end));

/**
 * relay_finish() - the process is gone: end as soon as nothing is left; harmless when at its end
 */
void relay_finish(struct relay *relay);

/** relay_release() - stop; @out is closed. Return: @in, for another relay; -EBADF: it was at its end already. */
int relay_release(struct relay *relay);

/** relay_stop() - close everything now; may be called again */
void relay_stop(struct relay *relay);

static inline bool relay_copying(const struct relay *relay)
{
	return relay->loop != NULL;
}
