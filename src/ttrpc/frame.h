/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * The frame of TTRPC (PROTOCOL.md of containerd/ttrpc): a header of ten bytes, integers big-endian,
 * then the data.
 */

#define TTRPC_FRAME_HEADER_LEN 10u
#define TTRPC_FRAME_DATA_MAX   (4u << 20)

enum ttrpc_frame_type {
	TTRPC_FRAME_REQUEST = 1,
	TTRPC_FRAME_RESPONSE = 2,
	TTRPC_FRAME_DATA = 3,
};

enum ttrpc_frame_flags {
	TTRPC_FLAG_REMOTE_CLOSED = 1 << 0, /* the sender will send no more on this stream */
	TTRPC_FLAG_REMOTE_OPEN = 1 << 1,   /* Request: the sender will send Data */
	TTRPC_FLAG_NO_DATA = 1 << 2,	   /* Data: there is no message, not an empty one */
};

/**
 * struct ttrpc_frame - a header
 * @len: of the data that follows; a peer may announce anything
 * @stream_id: odd, chosen by the client
 * @type: enum ttrpc_frame_type, or something to ignore
 * @flags: enum ttrpc_frame_flags
 */
struct ttrpc_frame {
	uint32_t len;
	uint32_t stream_id;
	uint8_t type;
	uint8_t flags;
};

/** ttrpc_frame_encode() - header to bytes */
void ttrpc_frame_encode(const struct ttrpc_frame *frame, uint8_t out[TTRPC_FRAME_HEADER_LEN]);

/** ttrpc_frame_decode() - bytes to header; every sequence of bytes is one */
void ttrpc_frame_decode(const uint8_t in[TTRPC_FRAME_HEADER_LEN], struct ttrpc_frame *ret);
