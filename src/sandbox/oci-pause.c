/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-pause.h"

#include <string.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/mem.h"
#include "sandbox/cri.h"
#include "sandbox/oci-json.h"
#include "sandbox/oci-mounts.h"
#include "sandbox/pod-config.h"

/* What oci_config_adapt() writes where nobody has that namespace yet. */
#define NOBODYS "/proc/0/ns/pid"

/* By themselves, without arguments, they wait. */
static const char *const programs[] = {"/pause", "/" POD_PROGRAM};

static const char *const own_members[] = {
	"resources", "cgroupsPath", "namespaces",    "sysctl",
	"seccomp",   "maskedPaths", "readonlyPaths", "mountLabel",
};

/* Of the host's; the first is common to all of the pod. */
static const char *const bound[] = {"/dev/shm", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname"};

static const char *const made[] = {
	"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup", "/run",
};

/* @needed: it has one of its own; else it may have one. */
static const struct {
	const char *type;
	bool needed, by_path;
} namespaces[] = {
	{"pid", true, false},	{"ipc", true, false},	 {"uts", true, false},
	{"mount", true, false}, {"network", true, true}, {"cgroup", false, false},
};

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static size_t length(struct json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

static bool says_so(struct json_object *config)
{
	struct json_object *all = oci_json_get(config, "annotations", json_type_object);

	return cri_is_sandbox(oci_json_text(all, CRI_TYPE));
}

static bool only_waits(struct json_object *process)
{
	struct json_object *args = oci_json_get(process, "args", json_type_array);
	struct json_object *terminal = oci_json_get(process, "terminal", json_type_boolean);
	const char *program;

	if (length(args) != 1 || (terminal && json_object_get_boolean(terminal)))
		return false;
	program = json_object_get_string(json_object_array_get_idx(args, 0));
	return program && is_one_of(program, programs, ARRAY_SIZE(programs));
}

static bool mounts_nothing_else(struct json_object *mounts)
{
	for (size_t i = 0; i < length(mounts); i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);
		const char *where = oci_json_text(mount, "destination");

		if (oci_mount_is_bind(mount) ? !is_one_of(where, bound, ARRAY_SIZE(bound))
					     : !is_one_of(where, made, ARRAY_SIZE(made)))
			return false;
	}
	return true;
}

/* Return: which one of the table it is, as a bit; 0: none. */
static unsigned int which_namespace(struct json_object *item)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (strcmp(oci_json_text(item, "type"), namespaces[i].type) == 0)
			return namespaces[i].by_path || !*oci_json_text(item, "path") ? 1u << i : 0;
	return 0;
}

static bool has_namespaces(struct json_object *list)
{
	unsigned int there = 0;

	for (size_t i = 0; i < length(list); i++) {
		unsigned int one = which_namespace(json_object_array_get_idx(list, i));

		if (one == 0 || (there & one))
			return false;
		there |= one;
	}
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (namespaces[i].needed && !(there & 1u << i))
			return false;
	return true;
}

static bool sets_the_network_only(struct json_object *sysctls)
{
	if (!sysctls)
		return true;
	json_object_object_foreach(sysctls, name, value)
	{
		(void)value;
		if (strncmp(name, "net.", 4) != 0 && strncmp(name, "net/", 4) != 0)
			return false;
	}
	return true;
}

/* An empty list of devices is none. */
static bool has_nothing_else(struct json_object *own)
{
	json_object_object_foreach(own, name, value)
	{
		bool empty = !value || (json_object_is_type(value, json_type_array) &&
					json_object_array_length(value) == 0);

		if (!empty && !is_one_of(name, own_members, ARRAY_SIZE(own_members)))
			return false;
	}
	return true;
}

/* The kernel is told in its command line. */
static bool is_host(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t len = strlen(name);

	return len > 0 && len <= ABI_HOSTNAME_MAX && strspn(name, letters) == len;
}

static bool has_hooks(struct json_object *config)
{
	struct json_object *hooks = oci_json_get(config, "hooks", json_type_object);

	return hooks && json_object_object_length(hooks) > 0;
}

/* What is of another type is nobody's to understand. */
static bool is_well_typed(struct json_object *config)
{
	struct json_object *own = oci_json_get(config, "linux", json_type_object);
	struct json_object *process = oci_json_get(config, "process", json_type_object);
	const struct {
		struct json_object *in;
		const char *name;
		enum json_type type;
	} members[] = {
		{config, "mounts", json_type_array},
		{config, "hooks", json_type_object},
		{config, "domainname", json_type_string},
		{own, "sysctl", json_type_object},
		{process, "capabilities", json_type_object},
		{process, "terminal", json_type_boolean},
	};
	struct json_object *value;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (json_object_object_get_ex(members[i].in, members[i].name, &value) && value &&
		    !json_object_is_type(value, members[i].type))
			return false;
	return true;
}

const char *oci_pause_host(struct json_object *config)
{
	struct json_object *own = oci_json_get(config, "linux", json_type_object);
	const char *host = oci_json_text(config, "hostname");

	return own && says_so(config) && is_well_typed(config) && is_host(host) &&
			       !*oci_json_text(config, "domainname") && !has_hooks(config) &&
			       has_nothing_else(own) &&
			       only_waits(oci_json_get(config, "process", json_type_object)) &&
			       mounts_nothing_else(
				       oci_json_get(config, "mounts", json_type_array)) &&
			       has_namespaces(oci_json_get(own, "namespaces", json_type_array)) &&
			       sets_the_network_only(oci_json_get(own, "sysctl", json_type_object))
		       ? host
		       : NULL;
}

static void replace(struct json_object *o, char **json)
{
	free(*json);
	*json = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

void oci_pause_unname(struct json_object *config)
{
	json_object_object_del(config, "hostname");
	json_object_object_del(config, "domainname");
}

void oci_pause_enter(char **json)
{
	static const char *const vms[] = {"ipc", "uts"};
	struct json_object *o = json_tokener_parse(*json);
	struct json_object *own = oci_json_get(o, "linux", json_type_object);
	struct json_object *list = oci_json_get(own, "namespaces", json_type_array);

	for (size_t i = length(list); i-- > 0;)
		if (is_one_of(oci_json_text(json_object_array_get_idx(list, i), "type"), vms,
			      ARRAY_SIZE(vms)))
			(void)json_object_array_del_idx(list, i, 1);
	oci_pause_unname(o);
	replace(o, json);
}

static struct json_object *awaiting(struct json_object *config)
{
	struct json_object *own = oci_json_get(config, "linux", json_type_object);
	struct json_object *list = oci_json_get(own, "namespaces", json_type_array);

	for (size_t i = 0; i < length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (strcmp(oci_json_text(item, "type"), "pid") == 0 &&
		    strcmp(oci_json_text(item, "path"), NOBODYS) == 0)
			return item;
	}
	return NULL;
}

bool oci_pause_awaited(const char *json)
{
	struct json_object *o = json_tokener_parse(json);
	bool awaited = awaiting(o) != NULL;

	json_object_put(o);
	return awaited;
}

void oci_pause_place(uint32_t pid, char **json)
{
	struct json_object *o = json_tokener_parse(*json), *item = awaiting(o);
	_cleanup_free_ char *path = xasprintf("/proc/%u/ns/pid", pid);

	if (item)
		json_object_object_add(item, "path", json_object_new_string(path));
	replace(o, json);
}
