/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-devices.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/macro.h"
#include "base/mem.h"
#include "sandbox/oci-adapt.h"
#include "sandbox/oci-json.h"

/* Character devices that every guest has (Linux, Documentation/admin-guide/devices.txt). */
static const struct {
	int major, minor;
} guests[] = {
	{1, 3},	   /* null */
	{1, 5},	   /* zero */
	{1, 7},	   /* full */
	{1, 8},	   /* random */
	{1, 9},	   /* urandom */
	{1, 11},   /* kmsg */
	{5, 0},	   /* tty */
	{5, 2},	   /* ptmx */
	{10, 200}, /* net/tun */
	{10, 229}, /* fuse */
	{10, 237}, /* loop-control */
};

static int64_t number_of(struct json_object *o, const char *name)
{
	struct json_object *value = oci_json_get(o, name, json_type_int);

	return value ? json_object_get_int64(value) : -1;
}

static bool guest_has(struct json_object *device)
{
	const char *type = oci_json_text(device, "type");

	/* A pipe with a name is no device of anybody's. */
	if (strcmp(type, "p") == 0)
		return true;
	if (strcmp(type, "c") != 0 && strcmp(type, "u") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++)
		if (number_of(device, "major") == guests[i].major &&
		    number_of(device, "minor") == guests[i].minor)
			return true;
	return false;
}

/* A rule that names no device is about all of them; "a" is what crun writes for both types. */
static bool allows_all(struct json_object *rule)
{
	struct json_object *allow;
	const char *type = oci_json_text(rule, "type");

	return json_object_object_get_ex(rule, "allow", &allow) && json_object_get_boolean(allow) &&
	       (!*type || strcmp(type, "a") == 0) && number_of(rule, "major") < 0 &&
	       number_of(rule, "minor") < 0;
}

static bool is_privileged(struct json_object *own)
{
	struct json_object *resources, *rules;
	bool all = false;

	if (!json_object_object_get_ex(own, "resources", &resources) ||
	    !json_object_object_get_ex(resources, "devices", &rules) ||
	    !json_object_is_type(rules, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(rules) && !all; i++)
		all = allows_all(json_object_array_get_idx(rules, i));
	return all;
}

static int refuse(const char *path, struct err *err)
{
	return err_set(err, -ENOTSUP,
		       "linux.devices: %s is a device of the host, which cannot be passed on",
		       path);
}

/* It may be what a disk is on: that is known once the settings are. */
static bool keep_block(struct json_object *device, struct sandbox_spec *spec)
{
	const char *path = oci_json_text(device, "path");

	if (strcmp(oci_json_text(device, "type"), "b") != 0 || strchr(path, '='))
		return false;
	strv_addf(&spec->block_devices, "%s=%lld:%lld", path, (long long)number_of(device, "major"),
		  (long long)number_of(device, "minor"));
	return true;
}

int oci_devices_check(const struct sandbox_spec *spec, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (spec->block_devices.n == 0)
		return 0;
	path = xstrndup(spec->block_devices.v[0], strcspn(spec->block_devices.v[0], "="));
	r = err_set(err, -ENOTSUP,
		    "linux.devices: %s is a device of the host, which cannot be passed on, unless "
		    "RUNCVM_DISKS mounts what is on it",
		    path);
	return spec->bundle ? err_wrap(err, r, "%s/" OCI_CONFIG_FILE, spec->bundle) : r;
}

int oci_devices_adapt(struct json_object *own, bool later, struct sandbox_spec *spec,
		      struct err *err)
{
	struct json_object *devices, *kept;
	bool all = is_privileged(own);

	if (!json_object_object_get_ex(own, "devices", &devices) || !devices)
		return 0;
	if (!json_object_is_type(devices, json_type_array))
		return err_set(err, -EBADMSG, "linux.devices is no array");
	kept = json_object_new_array();
	for (size_t i = 0; i < json_object_array_length(devices); i++) {
		struct json_object *device = json_object_array_get_idx(devices, i);

		bool has = guest_has(device), block = !has && !all && keep_block(device, spec);

		if (has || (block && later)) {
			json_object_array_add(kept, json_object_get(device));
		} else if (!all && !block) {
			json_object_put(kept);
			return refuse(oci_json_text(device, "path"), err);
		}
	}
	json_object_object_add(own, "devices", kept);
	return 0;
}

static struct json_object *array_of(struct json_object *o, const char *name)
{
	return oci_json_get(o, name, json_type_array);
}

static bool is_block(struct json_object *o, int64_t *major, int64_t *minor)
{
	*major = number_of(o, "major");
	*minor = number_of(o, "minor");
	return strcmp(oci_json_text(o, "type"), "b") == 0 && *major >= 0 && *minor >= 0;
}

static bool may_write(struct json_object *rules, const struct oci_block *block)
{
	int64_t major, minor;

	for (size_t i = 0; rules && i < json_object_array_length(rules); i++) {
		struct json_object *rule = json_object_array_get_idx(rules, i), *allow;

		if (is_block(rule, &major, &minor) && major == block->major &&
		    minor == block->minor && json_object_object_get_ex(rule, "allow", &allow) &&
		    json_object_get_boolean(allow) && strchr(oci_json_text(rule, "access"), 'w'))
			return true;
	}
	return false;
}

static const struct oci_block *find_block(const struct oci_block *all, size_t n, int64_t major,
					  int64_t minor)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].major == major && all[i].minor == minor)
			return &all[i];
	return NULL;
}

size_t oci_blocks_find(const char *json, struct oci_block *ret, size_t max)
{
	struct json_object *o = json_tokener_parse(json);
	struct json_object *own = oci_json_get(o, "linux", json_type_object);
	struct json_object *rules =
		array_of(oci_json_get(own, "resources", json_type_object), "devices");
	struct json_object *devices = array_of(own, "devices");
	size_t n = 0;

	for (size_t i = 0; devices && i < json_object_array_length(devices); i++) {
		struct oci_block block;
		int64_t major, minor;

		if (!is_block(json_object_array_get_idx(devices, i), &major, &minor) ||
		    find_block(ret, MIN(n, max), major, minor))
			continue;
		block = (struct oci_block){(unsigned int)major, (unsigned int)minor, false, 0};
		block.readonly = !may_write(rules, &block);
		if (n < max)
			ret[n] = block;
		n++;
	}
	json_object_put(o);
	return n;
}

static void place_all(struct json_object *list, const struct oci_block *blocks, size_t n)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const struct oci_block *block = NULL;
		int64_t ma, mi;

		if (is_block(item, &ma, &mi))
			block = find_block(blocks, n, ma, mi);
		if (!block)
			continue;
		json_object_object_add(item, "major", json_object_new_int64(major(block->guest)));
		json_object_object_add(item, "minor", json_object_new_int64(minor(block->guest)));
	}
}

void oci_blocks_place(const struct oci_block *blocks, size_t n, char **json)
{
	struct json_object *o = json_tokener_parse(*json);
	struct json_object *own = oci_json_get(o, "linux", json_type_object);

	place_all(array_of(own, "devices"), blocks, n);
	place_all(array_of(oci_json_get(own, "resources", json_type_object), "devices"), blocks, n);
	free(*json);
	*json = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}
