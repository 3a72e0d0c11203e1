/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ttrpc/wire.h"

/*
 * The messages that frames carry (proto3, package ttrpc):
 *
 *   Request  { string service = 1; string method = 2; bytes payload = 3; int64 timeout_nano = 4;
 *              repeated KeyValue metadata = 5; }
 *   KeyValue { string key = 1; string value = 2; }
 *   Response { google.rpc.Status status = 1; bytes payload = 2; }
 *   Status   { int32 code = 1; string message = 2; repeated Any details = 3; }
 *
 * A codec of just these: it allocates nothing, and what is parsed points into the frame. Payloads
 * are written last, so that all before them fits a small buffer and they need not be copied.
 */

/** struct ttrpc_request_envelope - a Request; its metadata is checked but not kept */
struct ttrpc_request_envelope {
	struct ttrpc_bytes service, method, payload;
	int64_t timeout_nano;
};

/** struct ttrpc_response_envelope - a Response; an absent status has code 0 */
struct ttrpc_response_envelope {
	int32_t code;
	struct ttrpc_bytes message, payload;
};

/** ttrpc_envelope_parse_request() - Return: 0 or -EBADMSG. */
int ttrpc_envelope_parse_request(struct ttrpc_bytes in, struct ttrpc_request_envelope *ret);

/** ttrpc_envelope_parse_response() - Return: 0 or -EBADMSG. */
int ttrpc_envelope_parse_response(struct ttrpc_bytes in, struct ttrpc_response_envelope *ret);

/**
 * ttrpc_envelope_put_request() - write all of a Request but its payload's own bytes
 * @ret_len: bytes written; the payload must follow
 *
 * Return: 0, or -ENAMETOOLONG when @size is too small for the names.
 */
int ttrpc_envelope_put_request(const struct ttrpc_request_envelope *request, uint8_t *out,
			       size_t size, size_t *ret_len);

/** ttrpc_envelope_put_response() - the same for a Response */
int ttrpc_envelope_put_response(const struct ttrpc_response_envelope *response, uint8_t *out,
				size_t size, size_t *ret_len);
