/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-personality.h"

#include "base/mem.h"
#include "sandbox/oci-json.h"

void oci_personality_add(char **json)
{
	struct json_object *o = json_tokener_parse(*json), *personality;
	struct json_object *own = oci_json_get(o, "linux", json_type_object);

	if (own && !json_object_object_get_ex(own, "personality", NULL)) {
		personality = json_object_new_object();
		json_object_object_add(personality, "domain", json_object_new_string("LINUX"));
		json_object_object_add(own, "personality", personality);
		free(*json);
		*json = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	}
	json_object_put(o);
}
