/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/envelope.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macro.h"
#include "ttrpc/wire.h"

/* Call @take for each field. Of a field that occurs more than once the last one counts. */
static int each_field(struct ttrpc_bytes in,
		      int (*take)(void *out, const struct ttrpc_field *field), void *out)
{
	struct ttrpc_field field;
	int r;

	while (in.len > 0) {
		r = ttrpc_field_next(&in, &field);
		if (r == 0)
			r = take(out, &field);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A known field of the wrong type counts as an unknown one: skipped. */
static bool is(const struct ttrpc_field *field, uint32_t number, enum ttrpc_wire wire)
{
	return field->number == number && field->wire == wire;
}

static int take_nothing(void *out _unused_, const struct ttrpc_field *field _unused_)
{
	return 0;
}

static int take_request(void *out, const struct ttrpc_field *field)
{
	struct ttrpc_request_envelope *request = out;

	if (is(field, 1, TTRPC_WIRE_BYTES))
		request->service = field->bytes;
	else if (is(field, 2, TTRPC_WIRE_BYTES))
		request->method = field->bytes;
	else if (is(field, 3, TTRPC_WIRE_BYTES))
		request->payload = field->bytes;
	else if (is(field, 4, TTRPC_WIRE_VARINT))
		request->timeout_nano = (int64_t)field->value;
	else if (is(field, 5, TTRPC_WIRE_BYTES))
		return each_field(field->bytes, take_nothing, NULL);
	return 0;
}

static int take_status(void *out, const struct ttrpc_field *field)
{
	struct ttrpc_response_envelope *response = out;

	if (is(field, 1, TTRPC_WIRE_VARINT))
		response->code = (int32_t)field->value;
	else if (is(field, 2, TTRPC_WIRE_BYTES))
		response->message = field->bytes;
	return 0;
}

static int take_response(void *out, const struct ttrpc_field *field)
{
	struct ttrpc_response_envelope *response = out;

	if (is(field, 1, TTRPC_WIRE_BYTES))
		return each_field(field->bytes, take_status, response);
	if (is(field, 2, TTRPC_WIRE_BYTES))
		response->payload = field->bytes;
	return 0;
}

int ttrpc_envelope_parse_request(struct ttrpc_bytes in, struct ttrpc_request_envelope *ret)
{
	*ret = (struct ttrpc_request_envelope){0};
	return each_field(in, take_request, ret);
}

int ttrpc_envelope_parse_response(struct ttrpc_bytes in, struct ttrpc_response_envelope *ret)
{
	*ret = (struct ttrpc_response_envelope){0};
	return each_field(in, take_response, ret);
}

static size_t varint_len(uint64_t value)
{
	size_t n = 1;

	while (value >>= 7)
		n++;
	return n;
}

static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		*out++ = (uint8_t)(value | 0x80);
	*out++ = (uint8_t)value;
	return out;
}

/* All field numbers here are below 16: a tag is one byte. */
static uint8_t *put_tag(uint8_t *out, uint32_t number, enum ttrpc_wire wire)
{
	*out++ = (uint8_t)(number << 3 | wire);
	return out;
}

/* proto3: a field with its default value is left out. */
static size_t bytes_len(struct ttrpc_bytes bytes)
{
	return bytes.len ? 1 + varint_len(bytes.len) + bytes.len : 0;
}

static size_t bytes_head_len(struct ttrpc_bytes bytes)
{
	return bytes_len(bytes) - bytes.len;
}

static uint8_t *put_bytes_head(uint8_t *out, uint32_t number, struct ttrpc_bytes bytes)
{
	if (!bytes.len)
		return out;
	return put_varint(put_tag(out, number, TTRPC_WIRE_BYTES), bytes.len);
}

static uint8_t *put_bytes(uint8_t *out, uint32_t number, struct ttrpc_bytes bytes)
{
	if (!bytes.len)
		return out;
	out = put_bytes_head(out, number, bytes);
	memcpy(out, bytes.data, bytes.len);
	return out + bytes.len;
}

static size_t number_len(int64_t value)
{
	return value ? 1 + varint_len((uint64_t)value) : 0;
}

static uint8_t *put_number(uint8_t *out, uint32_t number, int64_t value)
{
	return value ? put_varint(put_tag(out, number, TTRPC_WIRE_VARINT), (uint64_t)value) : out;
}

int ttrpc_envelope_put_request(const struct ttrpc_request_envelope *request, uint8_t *out,
			       size_t size, size_t *ret_len)
{
	size_t len = bytes_len(request->service) + bytes_len(request->method) +
		     number_len(request->timeout_nano) + bytes_head_len(request->payload);

	if (len > size)
		return -ENAMETOOLONG;
	out = put_bytes(out, 1, request->service);
	out = put_bytes(out, 2, request->method);
	out = put_number(out, 4, request->timeout_nano);
	(void)put_bytes_head(out, 3, request->payload);
	*ret_len = len;
	return 0;
}

int ttrpc_envelope_put_response(const struct ttrpc_response_envelope *response, uint8_t *out,
				size_t size, size_t *ret_len)
{
	size_t status = number_len(response->code) + bytes_len(response->message);
	size_t len = bytes_head_len(response->payload);

	if (status)
		len += 1 + varint_len(status) + status;
	if (len > size)
		return -ENAMETOOLONG;
	if (status) {
		out = put_varint(put_tag(out, 1, TTRPC_WIRE_BYTES), status);
		out = put_number(out, 1, response->code);
		out = put_bytes(out, 2, response->message);
	}
	(void)put_bytes_head(out, 2, response->payload);
	*ret_len = len;
	return 0;
}
