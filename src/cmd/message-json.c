/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/message-json.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "timestamp.pb-c.h"

static struct json_object *enum_to_json(const ProtobufCEnumDescriptor *type, int number)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
	_cleanup_free_ char *name = NULL;

	if (!value)
		return json_object_new_int(number);
	name = xstrdup(value->name);
	for (char *p = name; *p; p++)
		*p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	return json_object_new_string(name);
}

static struct json_object *time_to_json(const Google__Protobuf__Timestamp *at)
{
	time_t seconds = (time_t)at->seconds;
	char text[64] = "";
	struct tm tm;
	size_t len;

	if (gmtime_r(&seconds, &tm)) {
		len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
		(void)snprintf(text + len, sizeof(text) - len, ".%03dZ",
			       at->nanos / 1000000 % 1000);
	}
	return json_object_new_string(text);
}

static struct json_object *part_to_json(const ProtobufCMessage *message)
{
	if (!message)
		return NULL;
	if (message->descriptor == &google__protobuf__timestamp__descriptor)
		return time_to_json((const Google__Protobuf__Timestamp *)message);
	return message_to_json(message);
}

static struct json_object *value_to_json(const ProtobufCFieldDescriptor *field, const void *value)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_BOOL:
		return json_object_new_boolean(*(const protobuf_c_boolean *)value);
	case PROTOBUF_C_TYPE_ENUM:
		return enum_to_json(field->descriptor, *(const int *)value);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return json_object_new_int(*(const int32_t *)value);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return json_object_new_int64(*(const uint32_t *)value);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return json_object_new_int64(*(const int64_t *)value);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return json_object_new_uint64(*(const uint64_t *)value);
	case PROTOBUF_C_TYPE_FLOAT:
		return json_object_new_double((double)*(const float *)value);
	case PROTOBUF_C_TYPE_DOUBLE:
		return json_object_new_double(*(const double *)value);
	case PROTOBUF_C_TYPE_STRING:
		return json_object_new_string(*(char *const *)value);
	case PROTOBUF_C_TYPE_MESSAGE:
		return part_to_json(*(ProtobufCMessage *const *)value);
	case PROTOBUF_C_TYPE_BYTES:
		break;
	}
	return NULL;
}

static size_t size_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return sizeof(uint32_t);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		/* Numbers of 64 bits, and pointers. */
		return sizeof(uint64_t);
	}
}

static struct json_object *list_to_json(const ProtobufCFieldDescriptor *field, const char *base)
{
	struct json_object *list = json_object_new_array();
	size_t n = *(const size_t *)(base + field->quantifier_offset);
	const char *values = *(const char *const *)(base + field->offset);

	for (size_t i = 0; i < n; i++)
		json_object_array_add(list,
				      value_to_json(field, values + i * size_of(field->type)));
	return list;
}

struct json_object *message_to_json(const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;
	struct json_object *o = json_object_new_object();
	const char *base = (const char *)message;

	for (unsigned int i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];

		json_object_object_add(o, field->name,
				       field->label == PROTOBUF_C_LABEL_REPEATED
					       ? list_to_json(field, base)
					       : value_to_json(field, base + field->offset));
	}
	return o;
}
