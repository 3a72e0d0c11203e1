/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

/* Members of somebody else's JSON: what is of another type than it should be is not there. */

/** oci_json_get() - Return: the member @name of @o, which may be NULL, or NULL; @o's */
struct json_object *oci_json_get(struct json_object *o, const char *name, enum json_type type);

/** oci_json_text() - Return: a text, or ""; @o's */
const char *oci_json_text(struct json_object *o, const char *name);
