/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/resources.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX	8
#define PERIOD_DEFAULT	100000
#define SHARES_MIN	2
#define SHARES_MAX	262144
#define WEIGHT_MAX	10000
#define NO_LIMIT_STRING "max"

/* What a LinuxResources says, as far as there is something to be done about it. */
struct limits {
	struct oci_settings *settings;
	struct err *err;
	int64_t memory, reservation, swap, shares, quota, burst, period, idle, pids;
};

static int add(struct limits *l, const char *file, const char *value)
{
	struct oci_settings *s = l->settings;

	if (s->n == OCI_SETTINGS_MAX)
		return err_set(l->err, -EINVAL, "resources: more than %d limits", OCI_SETTINGS_MAX);
	if (strlen(file) >= OCI_SETTING_FILE || strlen(value) >= OCI_SETTING_VALUE)
		return err_set(l->err, -EINVAL, "resources: the limit %.32s is too long", file);
	strcpy(s->list[s->n].file, file);
	strcpy(s->list[s->n++].value, value);
	return 0;
}

static int add_number(struct limits *l, const char *file, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	return add(l, file, value < 0 ? NO_LIMIT_STRING : text);
}

/* A field of an object of the JSON: what reads it, and where it goes. */
struct member {
	const char *name;
	int (*read)(struct limits *l, const struct member *m, struct json_object *value);
	size_t offset;	  /* in struct limits */
	const char *file; /* a limit that is written as it is */
	const struct member *members;
};

static int read_members(struct limits *l, const struct member *members, struct json_object *o);

static int wrong_type(struct limits *l, const struct member *m, const char *want)
{
	return err_set(l->err, -EINVAL, "resources: %s is not %s", m->name, want);
}

static int read_number(struct limits *l, const struct member *m, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_int))
		return wrong_type(l, m, "a number");
	*(int64_t *)((char *)l + m->offset) = json_object_get_int64(value);
	return 0;
}

static int read_text(struct limits *l, const struct member *m, struct json_object *value)
{
	const char *text = json_object_get_string(value);

	if (!json_object_is_type(value, json_type_string))
		return wrong_type(l, m, "a string");
	return *text ? add(l, m->file, text) : 0;
}

static int read_object(struct limits *l, const struct member *m, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_object))
		return wrong_type(l, m, "an object");
	return read_members(l, m->members, value);
}

/* Files of cgroup v2 by their names; which of them there are the guest decides. */
static int read_unified(struct limits *l, const struct member *m, struct json_object *value)
{
	int r = 0;

	if (!json_object_is_type(value, json_type_object))
		return wrong_type(l, m, "an object");
	json_object_object_foreach(value, file, text)
	{
		if (!json_object_is_type(text, json_type_string))
			return wrong_type(l, m, "an object of strings");
		r = add(l, file, json_object_get_string(text));
		if (r < 0)
			break;
	}
	return r;
}

static bool says_nothing(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_object:
		return json_object_object_length(value) == 0;
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

#define NUMBER(name, member)                                        \
	{                                                           \
		name, read_number, offsetof(struct limits, member), \
	}
#define TEXT(name, file)                  \
	{                                 \
		name, read_text, 0, file, \
	}
#define OBJECT(name, members)                        \
	{                                            \
		name, read_object, 0, NULL, members, \
	}

static const struct member memory_members[] = {
	NUMBER("limit", memory),
	NUMBER("reservation", reservation),
	NUMBER("swap", swap),
	{NULL},
};

static const struct member cpu_members[] = {
	NUMBER("shares", shares),    NUMBER("quota", quota),
	NUMBER("burst", burst),	     NUMBER("period", period),
	NUMBER("idle", idle),	     TEXT("cpus", "cpuset.cpus"),
	TEXT("mems", "cpuset.mems"), {NULL},
};

static const struct member pids_members[] = {
	NUMBER("limit", pids),
	{NULL},
};

static const struct member all_members[] = {
	OBJECT("memory", memory_members),
	OBJECT("cpu", cpu_members),
	OBJECT("pids", pids_members),
	{"unified", read_unified, 0, NULL, NULL},
	{NULL},
};

static const struct member *find(const struct member *members, const char *name)
{
	for (; members->name; members++)
		if (strcmp(members->name, name) == 0)
			return members;
	return NULL;
}

static int read_members(struct limits *l, const struct member *members, struct json_object *o)
{
	int r = 0;

	json_object_object_foreach(o, name, value)
	{
		const struct member *m = find(members, name);

		if (says_nothing(value))
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

/* In version 1 it is memory and swap together, in version 2 swap alone. */
static int add_swap(struct limits *l)
{
	if (l->swap == 0)
		return 0;
	if (l->swap < 0)
		return add(l, "memory.swap.max", NO_LIMIT_STRING);
	if (l->memory <= 0)
		return err_set(l->err, -EINVAL,
			       "resources: swap is limited, but memory is not: limit both");
	if (l->swap < l->memory)
		return err_set(l->err, -EINVAL,
			       "resources: swap is memory and swap together, and less than memory");
	return add_number(l, "memory.swap.max", l->swap - l->memory);
}

static int add_memory(struct limits *l)
{
	int r = add_swap(l);

	if (r == 0 && l->memory != 0)
		r = add_number(l, "memory.max", l->memory);
	if (r == 0 && l->reservation != 0)
		r = add_number(l, "memory.low", l->reservation);
	return r;
}

static int add_weight(struct limits *l)
{
	if (l->shares == 0)
		return 0;
	if (l->shares < SHARES_MIN || l->shares > SHARES_MAX)
		return err_set(l->err, -EINVAL, "resources: shares are from %d to %d", SHARES_MIN,
			       SHARES_MAX);
	return add_number(l, "cpu.weight",
			  1 + (l->shares - SHARES_MIN) * (WEIGHT_MAX - 1) /
					  (SHARES_MAX - SHARES_MIN));
}

static int add_bandwidth(struct limits *l)
{
	char text[64];

	if (l->quota == 0 && l->period == 0)
		return 0;
	if (l->period < 0)
		return err_set(l->err, -EINVAL, "resources: period is negative");
	if (l->period == 0)
		l->period = PERIOD_DEFAULT;
	if (l->quota > 0)
		(void)snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, l->quota, l->period);
	else
		(void)snprintf(text, sizeof(text), NO_LIMIT_STRING " %" PRId64, l->period);
	return add(l, "cpu.max", text);
}

static int add_cpu(struct limits *l)
{
	int r = add_weight(l);

	if (r == 0)
		r = add_bandwidth(l);
	if (r == 0 && l->burst > 0)
		r = add_number(l, "cpu.max.burst", l->burst);
	if (r == 0 && l->idle != 0)
		r = add_number(l, "cpu.idle", l->idle);
	return r;
}

int oci_resources_parse(const char *json, size_t len, struct oci_settings *ret, struct err *err)
{
	struct limits l = {.settings = ret, .err = err};
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *o = NULL;
	int r;

	ret->n = 0;
	if (tokener && len <= INT_MAX) {
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
		o = json_tokener_parse_ex(tokener, json, (int)len);
	}
	if (!json_object_is_type(o, json_type_object))
		r = err_set(err, -EINVAL, "resources: not a JSON object");
	else
		r = read_members(&l, all_members, o);
	if (r == 0)
		r = add_memory(&l);
	if (r == 0)
		r = add_cpu(&l);
	if (r == 0 && l.pids != 0)
		r = add_number(&l, "pids.max", l.pids);
	json_object_put(o);
	if (tokener)
		json_tokener_free(tokener);
	return r;
}
