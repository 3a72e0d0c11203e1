/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/wire.h"

#include <errno.h>

#include "base/macro.h"

#define VARINT_MAX 10
#define FIELD_MAX  UINT64_C(0x1fffffff)

static int get_varint(struct ttrpc_bytes *in, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < MIN(in->len, (size_t)VARINT_MAX); i++) {
		uint8_t byte = in->data[i];

		if (i == VARINT_MAX - 1 && byte > 1)
			return -EBADMSG;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		in->data += i + 1;
		in->len -= i + 1;
		*ret = value;
		return 0;
	}
	return -EBADMSG;
}

static int get_bytes(struct ttrpc_bytes *in, uint64_t len, struct ttrpc_bytes *ret)
{
	if (len > in->len)
		return -EBADMSG;
	*ret = (struct ttrpc_bytes){.data = in->data, .len = (size_t)len};
	in->data += len;
	in->len -= (size_t)len;
	return 0;
}

int ttrpc_field_next(struct ttrpc_bytes *in, struct ttrpc_field *ret)
{
	uint64_t tag, len;
	int r = get_varint(in, &tag);

	if (r < 0)
		return r;
	if (tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
		return -EBADMSG;
	ret->number = (uint32_t)(tag >> 3);
	ret->wire = tag & 7;
	switch (ret->wire) {
	case TTRPC_WIRE_VARINT:
		return get_varint(in, &ret->value);
	case TTRPC_WIRE_FIXED64:
		return get_bytes(in, 8, &ret->bytes);
	case TTRPC_WIRE_FIXED32:
		return get_bytes(in, 4, &ret->bytes);
	case TTRPC_WIRE_BYTES:
		r = get_varint(in, &len);
		return r < 0 ? r : get_bytes(in, len, &ret->bytes);
	default:
		return -EBADMSG;
	}
}
