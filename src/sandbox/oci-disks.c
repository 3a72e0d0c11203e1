/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-disks.h"

#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/oci-json.h"
#include "sandbox/volume.h"

static struct json_object *mount_of(const struct sandbox_spec *spec, size_t i)
{
	struct json_object *mount = json_object_new_object(), *options = json_object_new_array();
	_cleanup_free_ char *source = volume_guest_path(spec, i);
	bool readonly = volume_of(spec->volumes.v[i]).readonly;

	json_object_object_add(mount, "destination",
			       json_object_new_string(spec->volume_targets.v[i]));
	json_object_object_add(mount, "type", json_object_new_string("bind"));
	json_object_object_add(mount, "source", json_object_new_string(source));
	json_object_array_add(options, json_object_new_string("rbind"));
	json_object_array_add(options, json_object_new_string(readonly ? "ro" : "rw"));
	json_object_object_add(mount, "options", options);
	return mount;
}

static bool is_below(struct json_object *mount, const char *target)
{
	const char *rest = str_starts(oci_json_text(mount, "destination"), target);

	return rest && *rest == '/';
}

/* Before what is in it. */
static struct json_object *insert(struct json_object *mounts, struct json_object *mount,
				  const char *target)
{
	size_t n = mounts ? json_object_array_length(mounts) : 0;
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(mounts, i);

		if (mount && is_below(item, target))
			json_object_array_add(list, take_ptr(mount));
		json_object_array_add(list, json_object_get(item));
	}
	if (mount)
		json_object_array_add(list, mount);
	return list;
}

void oci_disks_add(const struct sandbox_spec *spec, char **json)
{
	struct json_object *o, *mounts;

	if (volumes_disks(&spec->volumes, spec->volumes.n) == 0)
		return;
	o = json_tokener_parse(*json);
	for (size_t i = 0; i < spec->volumes.n; i++) {
		const struct volume volume = volume_of(spec->volumes.v[i]);
		const char *target = spec->volume_targets.v[i];

		if (!volume_is_disk(&volume))
			continue;
		if (!json_object_object_get_ex(o, "mounts", &mounts))
			mounts = NULL;
		json_object_object_add(o, "mounts", insert(mounts, mount_of(spec, i), target));
	}
	free(*json);
	*json = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}
