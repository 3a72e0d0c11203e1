/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"
#include "ttrpc/frame.h"

/*
 * Frames over a stream socket: what server and client have in common. Internal to src/ttrpc.
 *
 * Reading: one recv() a turn of the loop into a small fixed buffer, from which frames are handed
 * out in place. Only a frame that does not fit it gets memory of its own, exactly as much as it
 * announces and never more than 4 MiB, given back as soon as it was handled. Frames beyond that, or
 * for which there is no memory, are read and dropped, and reported as such.
 *
 * Writing: straight to the socket as long as it takes all. The rest is queued, up to a quota. Small
 * frames that are sent while those of one recv() are being handled go out together after that.
 *
 * Ending: an error is never reported from within a call of the owner; it is noted, and ->ended is
 * called from the loop. A connection is counted: one reference is the owner's, one is held while
 * callbacks run, so that they may close and unref it.
 */

#define TTRPC_CONN_INPUT  4096
#define TTRPC_CONN_OUTPUT 4096

/* With this much output waiting, a connection with ->throttle reads no further requests. */
#define TTRPC_CONN_QUEUE_PAUSE (64u << 10)

/* More output than this is refused: one frame of any size on top of what may wait before. */
#define TTRPC_CONN_QUEUE_MAX \
	(TTRPC_CONN_QUEUE_PAUSE + TTRPC_FRAME_HEADER_LEN + TTRPC_FRAME_DATA_MAX)

struct ttrpc_conn;

/**
 * struct ttrpc_conn_ops - what the owner does
 * @frame: a frame has come; @data is valid until this returns. With @error -EMSGSIZE or -ENOMEM it
 *   was dropped, being too large or for want of memory
 * @flushed: all that was queued has been written; may be NULL
 * @ended: end of file (0) or a negative errno; the descriptor is closed already; called once
 * @release: the last reference is gone: free what the connection is embedded in
 */
struct ttrpc_conn_ops {
	void (*frame)(struct ttrpc_conn *conn, const struct ttrpc_frame *frame, const uint8_t *data,
		      int error);
	void (*flushed)(struct ttrpc_conn *conn);
	void (*ended)(struct ttrpc_conn *conn, int error);
	void (*release)(struct ttrpc_conn *conn);
};

/**
 * struct ttrpc_conn - a connection, embedded in its owner
 * @throttle: a server's: stop reading while the peer does not read what is sent to it
 * @frame_max: larger frames are dropped, of which the owner may have less than TTRPC_FRAME_DATA_MAX
 * @broken: negative errno that it will end with
 * @body: memory of the large frame that is being read, @body_len of it are there
 * @drop, @drop_error: so many bytes of a frame are still to be dropped, and why
 * @input_at, @input_len: what of the buffer was read but not yet handled
 * @gathering: frames are being handled; what is sent goes to @output, @output_len of it so far
 */
struct ttrpc_conn {
	const struct ttrpc_conn_ops *ops;
	struct loop *loop;
	struct loop_io io;
	struct loop_defer end;
	int fd;
	int broken;
	unsigned int refs;
	bool throttle;
	uint32_t frame_max;

	struct ttrpc_frame frame;
	uint8_t *body;
	size_t body_len;
	size_t drop;
	int drop_error;
	size_t input_at, input_len;
	uint8_t input[TTRPC_CONN_INPUT];

	bool gathering;
	size_t output_len;
	uint8_t output[TTRPC_CONN_OUTPUT];

	struct list queue;
	size_t queued;
};

/**
 * ttrpc_conn_init() - start reading
 * @fd: a connected stream socket, owned by the connection on success
 * @throttle: read no more while much waits to be written
 *
 * Return: 0 or negative errno.
 */
int ttrpc_conn_init(struct ttrpc_conn *conn, struct loop *loop, int fd, bool throttle,
		    const struct ttrpc_conn_ops *ops);

/** ttrpc_conn_close() - close now, without ->ended; may be called again */
void ttrpc_conn_close(struct ttrpc_conn *conn);

/** ttrpc_conn_unref() - give the owner's reference up; the connection must have been closed */
void ttrpc_conn_unref(struct ttrpc_conn *conn);

/** ttrpc_conn_fail() - let it end with an error, soon, from the loop */
void ttrpc_conn_fail(struct ttrpc_conn *conn, int error);

static inline bool ttrpc_conn_open(const struct ttrpc_conn *conn)
{
	return conn->fd >= 0 && conn->broken == 0;
}

/** ttrpc_conn_told() - write what was gathered. Return: whether nothing remains to be written. */
bool ttrpc_conn_told(struct ttrpc_conn *conn);

/**
 * struct ttrpc_outgoing - a frame to send
 * @frame: its len is filled in
 * @head, @body: the two parts of the data; not needed once the call has returned
 */
struct ttrpc_outgoing {
	struct ttrpc_frame frame;
	const void *head;
	size_t head_len;
	const void *body;
	size_t body_len;
};

/**
 * ttrpc_conn_send() - send or queue a frame
 * @must: not subject to the quota; for small answers whose number is bounded otherwise
 *
 * Return: 0, -EMSGSIZE, -ENOBUFS over the quota, -ENOMEM, -ENOTCONN. An error of the socket is no
 * error here: the connection ends with it.
 */
int ttrpc_conn_send(struct ttrpc_conn *conn, struct ttrpc_outgoing *out, bool must);
