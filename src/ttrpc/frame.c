/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/frame.h"

static void put_be32(uint8_t *out, uint32_t v)
{
	out[0] = (uint8_t)(v >> 24);
	out[1] = (uint8_t)(v >> 16);
	out[2] = (uint8_t)(v >> 8);
	out[3] = (uint8_t)v;
}

static uint32_t get_be32(const uint8_t *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

void ttrpc_frame_encode(const struct ttrpc_frame *frame, uint8_t out[TTRPC_FRAME_HEADER_LEN])
{
	put_be32(out, frame->len);
	put_be32(out + 4, frame->stream_id);
	out[8] = frame->type;
	out[9] = frame->flags;
}

void ttrpc_frame_decode(const uint8_t in[TTRPC_FRAME_HEADER_LEN], struct ttrpc_frame *ret)
{
	ret->len = get_be32(in);
	ret->stream_id = get_be32(in + 4);
	ret->type = in[8];
	ret->flags = in[9];
}
