/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/text.h"

#include <errno.h>
#include <string.h>

#include "ttrpc/text.h"

static bool text_ok(struct ttrpc_bytes text, bool utf8)
{
	if (text.len == 0)
		return true;
	return !memchr(text.data, '\0', text.len) &&
	       (!utf8 || ttrpc_text_valid(text.data, text.len));
}

static int check_field(const ProtobufCFieldDescriptor *field, struct ttrpc_bytes bytes, bool utf8,
		       const char **ret_field)
{
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return rpc_check_text(field->descriptor, bytes, utf8, ret_field);
	if (field->type != PROTOBUF_C_TYPE_STRING || text_ok(bytes, utf8))
		return 0;
	*ret_field = field->name;
	return -EILSEQ;
}

int rpc_check_text(const ProtobufCMessageDescriptor *type, struct ttrpc_bytes message, bool utf8,
		   const char **ret_field)
{
	struct ttrpc_field found;
	int r = 0;

	while (r == 0 && message.len > 0) {
		const ProtobufCFieldDescriptor *field;

		r = ttrpc_field_next(&message, &found);
		if (r < 0 || found.wire != TTRPC_WIRE_BYTES)
			continue;
		field = protobuf_c_message_descriptor_get_field(type, found.number);
		if (field)
			r = check_field(field, found.bytes, utf8, ret_field);
	}
	return r;
}
