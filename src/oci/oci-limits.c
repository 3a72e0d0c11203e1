/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/oci-limits.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#define DEPTH_MAX 8

/* struct reading - @known_only: what there is no word for is left out; @before: and so is that; or NULL */
struct reading {
	struct oci_limits *limits;
	bool known_only;
	struct err *err;
	struct json_object *before;
};

/* A field of an object of the JSON: what reads it, and where it goes. */
struct member {
	const char *name;
	int (*read)(struct reading *l, const struct member *m, struct json_object *value);
	size_t offset; /* in struct oci_limits */
	const struct member *members;
};

static int read_members(struct reading *l, const struct member *members, struct json_object *o);

static int wrong_type(struct reading *l, const struct member *m, const char *want)
{
	return err_set(l->err, -EINVAL, "resources: %s is not %s", m->name, want);
}

static int read_number(struct reading *l, const struct member *m, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_int))
		return wrong_type(l, m, "a number");
	*(int64_t *)((char *)l->limits + m->offset) = json_object_get_int64(value);
	return 0;
}

static int read_text(struct reading *l, const struct member *m, struct json_object *value)
{
	const char *text = json_object_get_string(value);

	if (!json_object_is_type(value, json_type_string))
		return wrong_type(l, m, "a string");
	if (strlen(text) >= OCI_SETTING_VALUE)
		return err_set(l->err, -EINVAL, "resources: %s is too long", m->name);
	strcpy((char *)l->limits + m->offset, text);
	return 0;
}

static int read_object(struct reading *l, const struct member *m, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_object))
		return wrong_type(l, m, "an object");
	return read_members(l, m->members, value);
}

/* Files of cgroup v2 by their names; which of them there are the guest decides. */
static int read_unified(struct reading *l, const struct member *m, struct json_object *value)
{
	int r = 0;

	if (!json_object_is_type(value, json_type_object))
		return wrong_type(l, m, "an object");
	json_object_object_foreach(value, file, text)
	{
		if (!json_object_is_type(text, json_type_string))
			return wrong_type(l, m, "an object of strings");
		r = oci_settings_add(&l->limits->unified, file, json_object_get_string(text),
				     l->err);
		if (r < 0)
			break;
	}
	return r;
}

static bool says_nothing(struct json_object *value);

/* As engines write what nobody asked for: {"weight": 0} */
static bool members_say_nothing(struct json_object *o)
{
	json_object_object_foreach(o, name, value)
	{
		(void)name;
		if (!says_nothing(value))
			return false;
	}
	return true;
}

static bool says_nothing(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_object:
		return members_say_nothing(value);
	case json_type_array:
		return json_object_array_length(value) == 0;
	case json_type_int:
		return json_object_get_int64(value) == 0;
	case json_type_boolean:
		return !json_object_get_boolean(value);
	case json_type_string:
		return json_object_get_string_len(value) == 0;
	case json_type_null:
		return true;
	case json_type_double:
		break;
	}
	return false;
}

#define NUMBER(name, member)                                            \
	{                                                               \
		name, read_number, offsetof(struct oci_limits, member), \
	}
#define TEXT(name, member)                                            \
	{                                                             \
		name, read_text, offsetof(struct oci_limits, member), \
	}
#define OBJECT(name, members)                  \
	{                                      \
		name, read_object, 0, members, \
	}

static const struct member memory_members[] = {
	NUMBER("limit", memory),
	NUMBER("reservation", reservation),
	NUMBER("swap", swap),
	{NULL},
};

static const struct member cpu_members[] = {
	NUMBER("shares", shares), NUMBER("quota", quota),
	NUMBER("burst", burst),	  NUMBER("period", period),
	NUMBER("idle", idle),	  TEXT("cpus", cpus),
	TEXT("mems", mems),	  {NULL},
};

static const struct member pids_members[] = {
	NUMBER("limit", pids),
	{NULL},
};

static const struct member all_members[] = {
	OBJECT("memory", memory_members),
	OBJECT("cpu", cpu_members),
	OBJECT("pids", pids_members),
	{"unified", read_unified, 0, NULL},
	{NULL},
};

static const struct member *find(const struct member *members, const char *name)
{
	for (; members->name; members++)
		if (strcmp(members->name, name) == 0)
			return members;
	return NULL;
}

/* Whoever repeats what there is wants nothing. */
static bool is_as_before(const struct reading *l, const struct member *members, const char *name,
			 struct json_object *value)
{
	struct json_object *before = NULL;

	return l->before && members == all_members &&
	       json_object_object_get_ex(l->before, name, &before) &&
	       json_object_equal(before, value) == 1;
}

static int read_members(struct reading *l, const struct member *members, struct json_object *o)
{
	int r = 0;

	json_object_object_foreach(o, name, value)
	{
		const struct member *m = find(members, name);

		if (says_nothing(value) || (!m && l->known_only))
			continue;
		if (!m && is_as_before(l, members, name, value))
			continue;
		if (!m)
			return err_set(l->err, -EOPNOTSUPP,
				       "resources: %.64s cannot be limited in a virtual machine",
				       name);
		r = m->read(l, m, value);
		if (r < 0)
			break;
	}
	return r;
}

static int parse(struct reading *l, const char *json, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *o = NULL;
	int r;

	memset(l->limits, 0, sizeof(*l->limits));
	if (tokener && len <= INT_MAX) {
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
		o = json_tokener_parse_ex(tokener, json, (int)len);
	}
	if (!json_object_is_type(o, json_type_object))
		r = err_set(l->err, -EINVAL, "resources: not a JSON object");
	else
		r = read_members(l, all_members, o);
	json_object_put(o);
	if (tokener)
		json_tokener_free(tokener);
	return r;
}

int oci_limits_parse(const char *json, size_t len, struct oci_limits *ret, struct err *err)
{
	struct reading l = {.limits = ret, .err = err};

	return parse(&l, json, len);
}

int oci_limits_parse_changed(const char *json, size_t len, const char *before,
			     struct oci_limits *ret, struct err *err)
{
	struct reading l = {.limits = ret, .err = err};
	int r;

	l.before = before ? json_tokener_parse(before) : NULL;
	r = parse(&l, json, len);
	json_object_put(l.before);
	return r;
}

int oci_limits_parse_known(const char *json, size_t len, struct oci_limits *ret, struct err *err)
{
	struct reading l = {.limits = ret, .known_only = true, .err = err};

	return parse(&l, json, len);
}
