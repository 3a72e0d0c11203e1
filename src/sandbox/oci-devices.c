/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-devices.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macro.h"

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

static const char *text_of(struct json_object *o, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static int64_t number_of(struct json_object *o, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, name, &value) ||
	    !json_object_is_type(value, json_type_int))
		return -1;
	return json_object_get_int64(value);
}

static bool guest_has(struct json_object *device)
{
	const char *type = text_of(device, "type");

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
	const char *type = text_of(rule, "type");

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

int oci_devices_adapt(struct json_object *own, struct err *err)
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

		if (guest_has(device)) {
			json_object_array_add(kept, json_object_get(device));
		} else if (!all) {
			json_object_put(kept);
			return err_set(err, -ENOTSUP,
				       "linux.devices: %s is a device of the host, which cannot be "
				       "passed on",
				       text_of(device, "path"));
		}
	}
	json_object_object_add(own, "devices", kept);
	return 0;
}
