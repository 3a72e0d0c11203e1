/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "ttrpc/envelope.h"
#include "ttrpc/frame.h"

/*
 * For the unit tests: the other end of a connection, which writes and reads raw frames. Nothing
 * here waits: everything happens in one process, so peer_pump() turns the loop until all is quiet.
 */

/**
 * struct peer - one end of a socket pair
 * @chunk: bytes written at a time
 * @deaf: reads nothing
 */
struct peer {
	struct loop *loop;
	int fd;
	size_t chunk;
	bool deaf, eof;
	uint8_t *out, *in;
	size_t out_at, out_len, out_size, in_at, in_len, in_size;
};

/** struct peer_frame - a frame that came, its data valid until the next peer_pump() */
struct peer_frame {
	struct ttrpc_frame head;
	const uint8_t *data;
};

/** loop_settle() - turn the loop until nothing is ready */
void loop_settle(struct loop *loop);

/** peer_init() - make a socket pair and keep one end. Return: the other. */
int peer_init(struct peer *peer, struct loop *loop);

/** peer_done() - close, and free what was buffered */
void peer_done(struct peer *peer);

/** peer_close() - close the socket only */
void peer_close(struct peer *peer);

/** peer_put() - append bytes to what is to be written */
void peer_put(struct peer *peer, const void *data, size_t len);

/** peer_put_frame() - append a frame; @data NULL: zeros */
void peer_put_frame(struct peer *peer, uint32_t stream, uint8_t type, uint8_t flags,
		    const void *data, size_t len);

/** peer_put_request() - append a Request frame */
void peer_put_request(struct peer *peer, uint32_t stream, uint8_t flags, const char *service,
		      const char *method, const void *payload, size_t len);

/** peer_put_response() - append a Response frame */
void peer_put_response(struct peer *peer, uint32_t stream, int code, const char *message,
		       const void *payload, size_t len);

/** peer_pump() - write, turn the loop, read, until nothing moves any more */
void peer_pump(struct peer *peer);

/** peer_next() - take the next frame that has come. Return: false when there is none. */
bool peer_next(struct peer *peer, struct peer_frame *ret);

/** peer_expect_response() - the next frame must be this Response */
void peer_expect_response(struct peer *peer, uint32_t stream, int code, const void *payload,
			  size_t len);

/** peer_expect_data() - the next frame must be this Data */
void peer_expect_data(struct peer *peer, uint32_t stream, uint8_t flags, const void *data,
		      size_t len);

/** peer_expect_nothing() - no frame may be left */
void peer_expect_nothing(struct peer *peer);
