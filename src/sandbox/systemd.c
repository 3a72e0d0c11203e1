/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/systemd.h"

#include <json-c/json.h>
#include <signal.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "sandbox/setting.h"
#include "sandbox/volume.h"

#define CGROUPS	  "/sys/fs/cgroup"
#define VARIABLE  "container"
#define CONTAINER "container=caisson"

/* glibc's SIGRTMIN+3: "halts the machine" (systemd(1)). SIGTERM would have it execute itself anew. */
#define SIGNAL_HALT 37

/* A process that switches its PID namespace off is ended by this one (reboot(2)); it ignores others'. */
#define STATUS_OFF (128 + SIGINT)

/* @unless: what is mounted there by somebody else hides it. */
static const struct {
	const char *target, *unless, *options;
} tmpfs[] = {
	{"/run", "/run", "rw,nosuid,nodev,mode=755"},
	{"/run/lock", "/run", "rw,nosuid,nodev,noexec,mode=1777"},
	{"/tmp", "/tmp", "rw,nosuid,nodev,mode=1777"},
};

static const char *const commands[] = {
	"/init",
	"/sbin/init",
	"/usr/sbin/init",
	"/usr/local/sbin/init",
	"/lib/systemd/systemd",
	"/usr/lib/systemd/systemd",
	"/bin/systemd",
	"/usr/bin/systemd",
};

bool systemd_is_command(const struct strv *args)
{
	for (size_t i = 0; args->n > 0 && i < ARRAY_SIZE(commands); i++)
		if (strcmp(args->v[0], commands[i]) == 0)
			return true;
	return false;
}

static bool has(const struct strv *list, const char *word)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], word) == 0)
			return true;
	return false;
}

static void move_all(struct strv *to, struct strv *from)
{
	for (size_t i = 0; i < from->n; i++)
		strv_add(to, from->v[i]);
	strv_done(from);
	*from = *to;
}

/* Before what there is, which may be below one of them. */
void systemd_furnish(struct sandbox_spec *spec)
{
	struct strv volumes = STRV_NULL, targets = STRV_NULL;

	for (size_t i = 0; i < ARRAY_SIZE(tmpfs); i++) {
		const struct volume volume = {.kind = VOLUME_TMPFS, .source = tmpfs[i].options};

		if (has(&spec->volume_targets, tmpfs[i].target) ||
		    has(&spec->volume_targets, tmpfs[i].unless))
			continue;
		strv_take(&volumes, volume_text(&volume));
		strv_add(&targets, tmpfs[i].target);
	}
	move_all(&volumes, &spec->volumes);
	move_all(&targets, &spec->volume_targets);
	if (!strv_env_get(&spec->env, VARIABLE))
		strv_add(&spec->env, CONTAINER);
}

static struct json_object *list_of(struct json_object *o, const char *name)
{
	struct json_object *list;

	if (json_object_object_get_ex(o, name, &list) && json_object_is_type(list, json_type_array))
		return list;
	list = json_object_new_array();
	json_object_object_add(o, name, list);
	return list;
}

static const char *destination(struct json_object *mount)
{
	struct json_object *value;
	const char *text = json_object_object_get_ex(mount, "destination", &value)
				   ? json_object_get_string(value)
				   : NULL;

	return text ? text : "";
}

static bool is_mounted(struct json_object *mounts, const char *target)
{
	for (size_t i = 0; i < json_object_array_length(mounts); i++)
		if (strcmp(destination(json_object_array_get_idx(mounts, i)), target) == 0)
			return true;
	return false;
}

static void put(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(o, name, json_object_new_string(text));
}

static void add_tmpfs(struct json_object *list, const char *target, const char *options)
{
	struct json_object *mount = json_object_new_object(), *words = list_of(mount, "options");
	_cleanup_free_ char *copy = xstrdup(options);
	char *rest = copy, *word;

	put(mount, "destination", target);
	put(mount, "type", "tmpfs");
	put(mount, "source", "tmpfs");
	while ((word = strsep(&rest, ",")))
		json_object_array_add(words, json_object_new_string(word));
	json_object_array_add(list, mount);
}

static void make_writable(struct json_object *mount)
{
	struct json_object *words = list_of(mount, "options"), *kept = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(words); i++) {
		struct json_object *word = json_object_array_get_idx(words, i);

		if (strcmp(json_object_get_string(word), "ro") != 0)
			json_object_array_add(kept, json_object_get(word));
	}
	json_object_object_add(mount, "options", kept);
}

/*
 * Who says that nothing of the container can be written to is not overruled by an image, of which a name or a variable
 * makes it a system: for that it takes who describes the container.
 */
static bool may_add_tmpfs(const struct sandbox_spec *spec, struct json_object *o)
{
	const char *asked = strv_env_get(&spec->annotations, SETTING_ANNOTATION "systemd");
	struct json_object *root, *readonly;

	return (asked && *asked) || !json_object_object_get_ex(o, "root", &root) ||
	       !json_object_object_get_ex(root, "readonly", &readonly) ||
	       !json_object_get_boolean(readonly);
}

static void adapt_mounts(const struct sandbox_spec *spec, struct json_object *o)
{
	struct json_object *old = list_of(o, "mounts"), *list = json_object_new_array();

	for (size_t i = 0; i < ARRAY_SIZE(tmpfs) && may_add_tmpfs(spec, o); i++)
		if (!is_mounted(old, tmpfs[i].target) && !is_mounted(old, tmpfs[i].unless))
			add_tmpfs(list, tmpfs[i].target, tmpfs[i].options);
	for (size_t i = 0; i < json_object_array_length(old); i++) {
		struct json_object *mount = json_object_array_get_idx(old, i);

		if (strcmp(destination(mount), CGROUPS) == 0)
			make_writable(mount);
		json_object_array_add(list, json_object_get(mount));
	}
	json_object_object_add(o, "mounts", list);
}

void systemd_adapt(struct sandbox_spec *spec, char **config)
{
	struct json_object *o = json_tokener_parse(*config), *process;

	adapt_mounts(spec, o);
	if (!strv_env_get(&spec->env, VARIABLE) &&
	    json_object_object_get_ex(o, "process", &process)) {
		strv_add(&spec->env, CONTAINER);
		json_object_array_add(list_of(process, "env"), json_object_new_string(CONTAINER));
	}
	free(*config);
	*config = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

uint32_t systemd_signal(const struct sandbox_spec *spec, uint32_t signo)
{
	return spec->systemd && signo == SIGTERM ? SIGNAL_HALT : signo;
}

uint32_t systemd_status(const struct sandbox_spec *spec, uint32_t status)
{
	return spec->systemd && status == STATUS_OFF ? 0 : status;
}
