/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ttrpc/frame.h"

int rpc_any_pack(const ProtobufCMessage *message, Google__Protobuf__Any *any)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *data;

	if (len > TTRPC_FRAME_DATA_MAX)
		return -EMSGSIZE;
	data = malloc(len ? len : 1);
	if (!data)
		return -ENOMEM;
	any->type_url = (char *)message->descriptor->name;
	any->value.data = data;
	any->value.len = protobuf_c_message_pack(message, data);
	return 0;
}

void rpc_any_done(Google__Protobuf__Any *any)
{
	free(any->value.data);
	any->value.data = NULL;
	any->value.len = 0;
}

bool rpc_any_is(const Google__Protobuf__Any *any, const char *name)
{
	size_t url = any ? strlen(any->type_url) : 0, len = strlen(name);

	if (url < len || strcmp(any->type_url + url - len, name) != 0)
		return false;
	return url == len || any->type_url[url - len - 1] == '/';
}

int rpc_any_unpack(const Google__Protobuf__Any *any, const ProtobufCMessageDescriptor *type,
		   ProtobufCMessage **ret)
{
	if (!any)
		return -ENODATA;
	if (!rpc_any_is(any, type->name))
		return -EPROTOTYPE;
	return rpc_unpack(type, any->value.data, any->value.len, ret);
}
