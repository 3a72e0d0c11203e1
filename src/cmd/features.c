/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "base/macro.h"
#include "cmd/cmd.h"

/* The runtime specification's features.md, as far as it is about what a guest does. */

static const char *const hooks[] = {"prestart", "createRuntime", "poststart", "poststop"};
static const char *const mount_options[] = {
	"async",	 "atime",	"bind",	    "defaults", "dev",
	"diratime",	 "dirsync",	"exec",	    "mand",	"noatime",
	"nodev",	 "nodiratime",	"noexec",   "nomand",	"norelatime",
	"nostrictatime", "nosuid",	"private",  "rbind",	"relatime",
	"remount",	 "ro",		"rprivate", "rslave",	"rw",
	"slave",	 "strictatime", "suid",	    "sync",
};
static const char *const namespaces[] = {"cgroup", "ipc", "mount", "network", "pid", "user", "uts"};

static struct json_object *list_of(const char *const *words, size_t n)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(list, json_object_new_string(words[i]));
	return list;
}

static void add_enabled(struct json_object *o, const char *name, bool enabled)
{
	struct json_object *value = json_object_new_object();

	json_object_object_add(value, "enabled", json_object_new_boolean(enabled));
	json_object_object_add(o, name, value);
}

static struct json_object *cgroup(void)
{
	struct json_object *o = json_object_new_object();

	/* The guest's: the host's tools see nothing of it. */
	json_object_object_add(o, "v1", json_object_new_boolean(false));
	json_object_object_add(o, "v2", json_object_new_boolean(true));
	return o;
}

static struct json_object *linux_features(void)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "namespaces", list_of(namespaces, ARRAY_SIZE(namespaces)));
	json_object_object_add(o, "cgroup", cgroup());
	add_enabled(o, "seccomp", true);
	add_enabled(o, "apparmor", false);
	add_enabled(o, "selinux", false);
	add_enabled(o, "intelRdt", false);
	return o;
}

static int features_main(const struct command *self, int argc, char **argv)
{
	struct err err = ERR_NULL;
	struct json_object *o, *annotations;
	int at = opts_parse(self, argc, argv, NULL, &err);

	if (at >= 0 && at < argc)
		at = err_set(&err, -EINVAL, "\"%s\": `caisson features` takes no word", argv[at]);
	if (at < 0)
		return cmd_fail(self, &err);
	o = json_object_new_object();
	annotations = json_object_new_object();
	json_object_object_add(o, "ociVersionMin", json_object_new_string("1.0.0"));
	json_object_object_add(o, "ociVersionMax", json_object_new_string(OCI_VERSION));
	json_object_object_add(o, "hooks", list_of(hooks, ARRAY_SIZE(hooks)));
	json_object_object_add(o, "mountOptions",
			       list_of(mount_options, ARRAY_SIZE(mount_options)));
	json_object_object_add(o, "linux", linux_features());
	json_object_object_add(annotations, "io.caisson.version",
			       json_object_new_string(CAISSON_VERSION));
	json_object_object_add(o, "annotations", annotations);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return 0;
}

const struct command command_features = {
	.name = "features",
	.usage = "",
	.summary = "Show what is supported of the OCI runtime specification, as JSON.",
	.failure = 1,
	.run = features_main,
};
