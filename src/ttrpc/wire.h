/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Reading the fields of a protobuf message one after the other, whatever its type. */

/* Wire types (protobuf encoding specification). Groups, 3 and 4, are not in proto3: refused. */
enum ttrpc_wire {
	TTRPC_WIRE_VARINT = 0,
	TTRPC_WIRE_FIXED64 = 1,
	TTRPC_WIRE_BYTES = 2,
	TTRPC_WIRE_FIXED32 = 5,
};

/** struct ttrpc_bytes - bytes of somebody else; data is NULL when the field was absent */
struct ttrpc_bytes {
	const uint8_t *data;
	size_t len;
};

/**
 * struct ttrpc_field - one field
 * @value: of a varint
 * @bytes: of all others; in the message that was read
 */
struct ttrpc_field {
	uint32_t number;
	enum ttrpc_wire wire;
	uint64_t value;
	struct ttrpc_bytes bytes;
};

/**
 * ttrpc_field_next() - take the next field off a message that is not at its end
 *
 * Return: 0 or -EBADMSG.
 */
int ttrpc_field_next(struct ttrpc_bytes *in, struct ttrpc_field *ret);
