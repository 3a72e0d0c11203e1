/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-json.h"

struct json_object *oci_json_get(struct json_object *o, const char *name, enum json_type type)
{
	struct json_object *value;

	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, name, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

const char *oci_json_text(struct json_object *o, const char *name)
{
	struct json_object *value = oci_json_get(o, name, json_type_string);

	return value ? json_object_get_string(value) : "";
}
