/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "loop/pump.h"
#include "sandbox/dial.h"
#include "sandbox/iolog.h"

/*
 * A process' stdin, stdout or stderr: a FIFO that its user made on one side, a stream of the guest
 * (abi.h) on the other.
 *
 *   IDLE --open--> DIALLING --> GREETING --> READY --start--> COPYING --> CLOSED
 *
 * The stream is opened before the process is created, so that the guest finds it, and copying
 * begins with the process. A stream whose user has gone (EPIPE) ends at once: the process in the
 * guest then gets SIGPIPE, or SIGHUP if it has a terminal.
 */

enum stdio_kind {
	STDIO_STDIN,
	STDIO_STDOUT,
	STDIO_STDERR,
};

enum stdio_state {
	STDIO_IDLE,
	STDIO_DIALLING,
	STDIO_GREETING,
	STDIO_READY,
	STDIO_COPYING,
	STDIO_CLOSED,
};

#define STDIO_BUFFER 65536

/**
 * struct stdio - one of the three
 * @fifo_fd: the user's end; -EBADF: none, output goes to the log only
 * @keeper_fd: stdin: keeps the FIFO from ending until CloseIO; -EBADF: dropped
 * @stream_fd: the guest's end
 * @log: gets a copy of the output; may be NULL
 * @opened: called once: 0 when the stream is ready, or negative errno
 * @closed: called once: everything was copied, or the stream has failed
 */
struct stdio {
	enum stdio_kind kind;
	enum stdio_state state;
	struct loop *loop;
	struct dial dial;
	struct loop_io greeting;
	struct pump pump;
	int fifo_fd, keeper_fd, stream_fd;
	struct iolog *log;
	char id[64];
	uint8_t hello[4 + 64];
	size_t hello_len, hello_got;
	char *buffer;
	void (*opened)(struct stdio *io, int error);
	void (*closed)(struct stdio *io);
	void *userdata;
};

/** stdio_init() - before anything else; @log, @opened, @closed, @userdata are set afterwards */
void stdio_init(struct stdio *io, enum stdio_kind kind, struct loop *loop);

/**
 * stdio_open() - open the FIFO and dial the guest
 * @fifo: path, or "" for none
 *
 * Return: 0; or negative errno, and then no callback comes.
 */
int stdio_open(struct stdio *io, const struct guest_address *address, const char *fifo);

/** stdio_uri() - "stream://…" for the guest, or "" when it was never opened */
void stdio_uri(const struct stdio *io, char *buf, size_t size);

/** stdio_start() - begin copying, from STDIO_READY only; harmless when IDLE */
void stdio_start(struct stdio *io);

/** stdio_close_input() - stdin: no more than what is in the FIFO now and what its writers add */
void stdio_close_input(struct stdio *io);

/** stdio_done() - everything of its output has reached its user, or never will */
static inline bool stdio_done(const struct stdio *io)
{
	return io->state == STDIO_IDLE || io->state == STDIO_CLOSED;
}

/** stdio_deinit() - close everything without callbacks; may be called again */
void stdio_deinit(struct stdio *io);
