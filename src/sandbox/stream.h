/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "loop/pump.h"
#include "sandbox/greeting.h"
#include "sandbox/iolog.h"

/*
 * A process' stdin, stdout or stderr: a FIFO that its user made, or any other descriptor, on one side, a stream of the guest
 * (abi.h) on the other.
 *
 *   IDLE --open--> GREETING --> READY --start--> COPYING --> CLOSED
 *
 * The stream is opened before the process is created, so that the guest finds it, and copying
 * begins with the process. A stream whose user has gone (EPIPE) ends at once: the process in the
 * guest then gets SIGPIPE, or SIGHUP if it has a terminal.
 */

enum stream_kind {
	STREAM_STDIN,
	STREAM_STDOUT,
	STREAM_STDERR,
};

enum stream_state {
	STREAM_IDLE,
	STREAM_GREETING,
	STREAM_READY,
	STREAM_COPYING,
	STREAM_CLOSED,
};

#define STREAM_BUFFER 65536

/**
 * struct stream - one of the three
 * @fifo_fd: the user's end; -EBADF: none, output goes to the log only
 * @keeper_fd: stdin: keeps the FIFO from ending until CloseIO; -EBADF: dropped
 * @input_closed: CloseIO has come
 * @stream_fd: the guest's end
 * @log: gets a copy of the output; may be NULL
 * @greeting: what opens it, and why the guest would not have it
 * @awaits_reader: of output that is followed: nobody has opened the FIFO yet
 * @opened: called once: 0 when the stream is ready, or negative errno
 * @closed: called once: everything was copied, or the stream has failed
 */
struct stream {
	enum stream_kind kind;
	enum stream_state state;
	struct loop *loop;
	struct greeting greeting;
	struct pump pump;
	int fifo_fd, keeper_fd, stream_fd;
	bool input_closed, awaits_reader;
	struct iolog *log;
	char *buffer;
	void (*opened)(struct stream *io, int error);
	void (*closed)(struct stream *io);
	void *userdata;
};

/** stream_init() - before anything else; @log, @opened, @closed, @userdata are set afterwards */
void stream_init(struct stream *io, enum stream_kind kind, struct loop *loop);

/** stream_adopt() - @fd, owned from here on, is the user's end; before stream_open(), which opens none then */
static inline void stream_adopt(struct stream *io, int fd)
{
	io->fifo_fd = fd;
}

/**
 * stream_open() - open the FIFO and dial the guest
 * @fifo: path, or "" for none
 *
 * Return: 0; or negative errno, and then no callback comes.
 */
int stream_open(struct stream *io, const struct guest_address *address, const char *fifo);

/** stream_uri() - "stream://…" for the guest, or "" when it was never opened */
void stream_uri(const struct stream *io, char *buf, size_t size);

/** stream_start_with() - an stdin that was opened without a FIFO gets one, and copying begins. Return: 0 or negative errno. */
int stream_start_with(struct stream *io, const char *fifo);

/** stream_start() - begin copying, from STREAM_READY only; harmless when IDLE */
void stream_start(struct stream *io);

/**
 * stream_follow() - of output whose FIFO we have both ends of: the process is to know when nobody reads any more
 *
 * An exec is its client's, as `kubectl exec` or `kubectl cp`, and nobody comes back to it. So we keep the end alone that
 * is written to, once somebody has the other one: that is looked for here, and with all that comes later.
 */
void stream_follow(struct stream *io);

/** stream_close_input() - stdin: no more than what is in the FIFO now and what its writers add */
void stream_close_input(struct stream *io);

/** stream_done() - everything of its output has reached its user, or never will */
static inline bool stream_done(const struct stream *io)
{
	return io->state == STREAM_IDLE || io->state == STREAM_CLOSED;
}

/** stream_deinit() - close everything without callbacks; may be called again */
void stream_deinit(struct stream *io);
