/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-adapt.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/annotation.h"
#include "sandbox/network.h"
#include "sandbox/oci-config.h"
#include "sandbox/oci-devices.h"
#include "sandbox/oci-json.h"
#include "sandbox/oci-mounts.h"
#include "sandbox/oci-pause.h"

#define PATH_DEPTH 4

/* Members that name something of the host's. */
static const struct {
	const char *path[PATH_DEPTH];
	const char *why;
} refused[] = {
	{{"linux", "netDevices"}, "linux.netDevices: interfaces of the host cannot be passed on"},
	{{"linux", "intelRdt"}, "linux.intelRdt: the host's caches are not the guest's to divide"},
	{{"linux", "seccomp", "listenerPath"},
	 "linux.seccomp.listenerPath: a socket of the host cannot be reached"},
	{{"vm"}, "vm: the virtual machine is not the bundle's to describe"},
	{{"windows"}, "windows: guests run Linux"},
	{{"solaris"}, "solaris: guests run Linux"},
	{{"zos"}, "zos: guests run Linux"},
};

/* No guest's kernel has what they are for. */
static const char *const labels[][PATH_DEPTH] = {
	{"process", "apparmorProfile"},
	{"process", "selinuxLabel"},
	{"linux", "mountLabel"},
};

/* What execs have of it, too. */
static const char *const inherited[] = {
	"capabilities", "noNewPrivileges", "rlimits", "oomScoreAdj", "user",
};

static bool is_object(struct json_object *o)
{
	return json_object_is_type(o, json_type_object);
}

static struct json_object *parent_of(struct json_object *o, const char *const path[PATH_DEPTH],
				     const char **ret_name)
{
	while (path[1])
		o = oci_json_get(o, *path++, json_type_object);
	*ret_name = path[0];
	return o;
}

/* Some tools write all that there could be. */
static bool is_empty(struct json_object *o)
{
	if (!o)
		return true;
	if (json_object_is_type(o, json_type_array))
		return json_object_array_length(o) == 0;
	if (!is_object(o))
		return false;
	json_object_object_foreach(o, name, value)
	{
		(void)name;
		if (!is_empty(value))
			return false;
	}
	return true;
}

static int check_refused(struct json_object *o, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const char *name;
		struct json_object *parent = parent_of(o, refused[i].path, &name), *value;

		if (!parent || !json_object_object_get_ex(parent, name, &value))
			continue;
		if (!is_empty(value))
			return err_set(err, -ENOTSUP, "%s", refused[i].why);
		json_object_object_del(parent, name);
	}
	return 0;
}

static void drop_labels(struct json_object *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		const char *name;
		struct json_object *parent = parent_of(o, labels[i], &name);

		if (parent)
			json_object_object_del(parent, name);
	}
}

static bool has_group(const struct oci_group *group)
{
	return group && group->n > 0;
}

static void add_namespace(struct json_object *list, const char *type)
{
	struct json_object *item = json_object_new_object();

	json_object_object_add(item, "type", json_object_new_string(type));
	json_object_array_add(list, item);
}

/* The VM's own network is the container's, made of what is in the namespace. */
static int take_network(const char *path, const struct oci_group *group, struct sandbox_spec *spec,
			struct err *err)
{
	_cleanup_free_ char *ours =
		has_group(group) ? xasprintf("/proc/%d/ns/net", (int)group->members[0].host_pid)
				 : NULL;

	if (ours && !path_is_same(path, ours))
		return err_set(err, -ENOTSUP,
			       "linux.namespaces: a VM has one network: the path of this one's is "
			       "%s, not \"%s\"",
			       ours, path);
	free(spec->netns);
	spec->netns = xstrdup(*path ? path : SANDBOX_NETNS_NEW);
	return 0;
}

static bool is_joinable(const char *type)
{
	static const char *const types[] = {"ipc", "uts", "pid"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* What was told of a member's process is a number of the host's. */
static int join_namespace(struct json_object *item, const char *type, const char *path,
			  const struct oci_group *group, struct err *err)
{
	for (size_t i = 0; has_group(group) && is_joinable(type) && i < group->n; i++) {
		const struct oci_member *member = &group->members[i];
		_cleanup_free_ char *host =
			xasprintf("/proc/%d/ns/%s", (int)member->host_pid, type);
		_cleanup_free_ char *guest = xasprintf("/proc/%u/ns/%s", member->guest_pid, type);

		/* What the guest said of it may have been no number. */
		if (strcmp(path, host) != 0 || (member->guest_pid == 0 && !member->hollow))
			continue;
		json_object_object_add(item, "path", json_object_new_string(guest));
		return 0;
	}
	return err_set(err, -ENOTSUP,
		       "linux.namespaces: the %s namespace %s of the host cannot be joined", type,
		       path);
}

/* Whoever comes is in it without a word. */
static bool is_the_vms(const char *type, const char *path, const struct oci_group *group)
{
	for (size_t i = 0; has_group(group) && strcmp(type, "pid") != 0 && i < group->n; i++) {
		_cleanup_free_ char *host =
			xasprintf("/proc/%d/ns/%s", (int)group->members[i].host_pid, type);

		if (is_joinable(type) && group->members[i].hollow && strcmp(path, host) == 0)
			return true;
	}
	return false;
}

static int adapt_namespaces(struct json_object *o, struct json_object *own,
			    const struct oci_group *group, struct sandbox_spec *spec,
			    struct err *err)
{
	struct json_object *list = oci_json_get(own, "namespaces", json_type_array), *kept;
	bool has_cgroup = false;
	int r = 0;

	spec->shares_pids = true;
	kept = json_object_new_array();
	for (size_t i = 0; r == 0 && list && i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const char *type = oci_json_text(item, "type"), *path = oci_json_text(item, "path");

		if (strcmp(type, "network") == 0) {
			r = take_network(path, group, spec, err);
			continue;
		}
		has_cgroup = has_cgroup || strcmp(type, "cgroup") == 0;
		spec->shares_pids = spec->shares_pids && (strcmp(type, "pid") != 0 || *path);
		if (is_the_vms(type, path, group)) {
			if (strcmp(type, "uts") == 0)
				oci_pause_unname(o);
			continue;
		}
		if (*path)
			r = join_namespace(item, type, path, group, err);
		json_object_array_add(kept, json_object_get(item));
	}
	/* What is the host's tree of cgroups for others is vminitd's for them. */
	if (!has_cgroup)
		add_namespace(kept, "cgroup");
	json_object_object_add(own, "namespaces", kept);
	return r;
}

static int check_network(const struct sandbox_spec *spec, struct err *err)
{
	if (spec->netns)
		return 0;
	return err_set(err, -ENOTSUP,
		       "linux.namespaces: there is no network namespace, and " NETWORK_NOT_HOSTS);
}

/*
 * The container's network is the VM's, and crun sets what is the network's in a new one only. The rest
 * it sets, or refuses.
 */
static int take_sysctls(struct json_object *own, struct sandbox_spec *spec, struct err *err)
{
	struct json_object *all = oci_json_get(own, "sysctl", json_type_object), *kept;

	if (!all)
		return 0;
	kept = json_object_new_object();
	json_object_object_foreach(all, name, value)
	{
		if (strncmp(name, "net.", 4) != 0 && strncmp(name, "net/", 4) != 0) {
			json_object_object_add(kept, name, json_object_get(value));
		} else if (json_object_is_type(value, json_type_string) && !strchr(name, '=')) {
			strv_take(&spec->sysctls,
				  xasprintf("%s=%s", name, json_object_get_string(value)));
		} else {
			json_object_put(kept);
			return err_set(err, -EBADMSG, "linux.sysctl: the value of %s is no string",
				       name);
		}
	}
	json_object_object_add(own, "sysctl", kept);
	return 0;
}

static int take_texts(struct json_object *process, const char *name, struct strv *ret,
		      struct err *err)
{
	struct json_object *list = oci_json_get(process, name, json_type_array);

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (!json_object_is_type(item, json_type_string))
			return err_set(err, -EBADMSG, "process.%s[%zu] is no string", name, i);
		strv_add(ret, json_object_get_string(item));
	}
	return 0;
}

static uint64_t capabilities_of(struct json_object *process)
{
	struct json_object *sets = oci_json_get(process, "capabilities", json_type_object);
	struct json_object *list = oci_json_get(sets, "bounding", json_type_array);
	uint64_t mask = 0;

	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		mask |= oci_capability(json_object_get_string(json_object_array_get_idx(list, i)));
	return mask;
}

static char *user_of(struct json_object *process)
{
	struct json_object *user = oci_json_get(process, "user", json_type_object);
	struct json_object *uid = oci_json_get(user, "uid", json_type_int);
	struct json_object *gid = oci_json_get(user, "gid", json_type_int);

	return xasprintf("%lld:%lld", uid ? (long long)json_object_get_int64(uid) : 0,
			 gid ? (long long)json_object_get_int64(gid) : 0);
}

static int take_process(struct json_object *o, struct sandbox_spec *spec, struct err *err)
{
	struct json_object *process = oci_json_get(o, "process", json_type_object);
	struct json_object *terminal = oci_json_get(process, "terminal", json_type_boolean);
	int r;

	if (!process)
		return err_set(err, -EBADMSG, "there is no \"process\"");
	r = take_texts(process, "args", &spec->args, err);
	if (r == 0)
		r = take_texts(process, "env", &spec->env, err);
	if (r < 0)
		return r;
	if (spec->args.n == 0)
		return err_set(err, -EBADMSG, "process.args names no command");
	spec->cwd = xstrdup(oci_json_text(process, "cwd"));
	if (*spec->cwd != '/')
		return err_set(err, -EBADMSG, "process.cwd is no absolute path");
	spec->user = user_of(process);
	spec->capabilities = capabilities_of(process);
	spec->terminal = terminal && json_object_get_boolean(terminal);
	return 0;
}

static int read_annotations(struct json_object *all, const struct strv *known, struct strv *ret,
			    struct err *err)
{
	if (!is_object(all))
		return 0;
	json_object_object_foreach(all, name, value)
	{
		const char *text = json_object_get_string(value);

		if (!json_object_is_type(value, json_type_string) || strchr(name, '=') ||
		    strlen(text) != (size_t)json_object_get_string_len(value))
			return err_set(err, -EBADMSG,
				       "annotations.%.64s is no text, or its name is none", name);
		if (!strv_env_get(known, name))
			strv_addf(ret, "%s=%s", name, text);
	}
	return 0;
}

/* What caisson was told of them itself counts for more. */
static int take_annotations(struct json_object *all, struct sandbox_spec *spec, struct err *err)
{
	_cleanup_strv_ struct strv words = STRV_NULL;
	int r = read_annotations(all, &spec->annotations, &words, err);

	return r == 0 ? annotations_set(&spec->annotations, &words, err) : r;
}

static int take_root(struct json_object *o, struct sandbox_spec *spec, struct err *err)
{
	struct json_object *root = oci_json_get(o, "root", json_type_object);

	if (!*oci_json_text(root, "path"))
		return err_set(err, -EBADMSG, "there is no root.path");
	spec->rootfs = xstrdup(oci_json_text(root, "path"));
	json_object_object_add(root, "path", json_object_new_string("rootfs"));
	return 0;
}

/* Of the host's CPUs and memory nodes the guest knows nothing, which has numbers of its own. */
static void take_resources(struct json_object *own, struct sandbox_spec *spec)
{
	struct json_object *resources = oci_json_get(own, "resources", json_type_object);
	struct json_object *cpu = oci_json_get(resources, "cpu", json_type_object);

	spec->cgroups_path = xstrdup(oci_json_text(own, "cgroupsPath"));
	if (resources)
		spec->resources =
			xstrdup(json_object_to_json_string_ext(resources, JSON_C_TO_STRING_PLAIN));
	if (!cpu)
		return;
	json_object_object_del(cpu, "cpus");
	json_object_object_del(cpu, "mems");
}

static void take_pod(struct json_object *o, struct sandbox_spec *spec)
{
	const char *host = oci_pause_host(o);

	free(spec->pod_host);
	spec->pod_host = host ? xstrdup(host) : NULL;
}

static int adapt(struct json_object *o, const struct oci_group *group, struct sandbox_spec *spec,
		 struct err *err)
{
	struct json_object *own = oci_json_get(o, "linux", json_type_object);
	_cleanup_free_ char *cgroup = xasprintf("/%s", spec->id);
	int r;

	if (!own)
		return err_set(err, -EBADMSG, "it is no JSON object with \"linux\" in it");
	if (group && group->n == 0)
		take_pod(o, spec);
	/* Their programs are on the host: sandbox/hooks.h. */
	json_object_object_del(o, "hooks");
	r = check_refused(o, err);
	if (r == 0)
		r = oci_devices_adapt(own, has_group(group), spec, err);
	if (r == 0)
		r = oci_mounts_adapt(oci_json_get(o, "mounts", json_type_array), group, spec, err);
	if (r == 0)
		r = adapt_namespaces(o, own, group, spec, err);
	if (r == 0)
		r = take_sysctls(own, spec, err);
	if (r == 0)
		r = take_root(o, spec, err);
	if (r == 0)
		r = take_process(o, spec, err);
	if (r == 0)
		r = take_annotations(oci_json_get(o, "annotations", json_type_object), spec, err);
	if (r == 0)
		r = check_network(spec, err);
	drop_labels(o);
	take_resources(own, spec);
	json_object_object_add(own, "cgroupsPath", json_object_new_string(cgroup));
	return r;
}

int oci_config_adapt(const char *json, const struct oci_group *group, struct sandbox_spec *spec,
		     char **ret, struct err *err)
{
	struct json_object *o = json_tokener_parse(json);
	int r = adapt(o, group, spec, err);

	if (r == 0)
		*ret = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return r;
}

int oci_config_annotations(const char *json, struct strv *ret, struct err *err)
{
	static const struct strv none = STRV_NULL;
	struct json_object *o = json_tokener_parse(json);
	int r = read_annotations(oci_json_get(o, "annotations", json_type_object), &none, ret, err);

	json_object_put(o);
	return r;
}

void oci_process_inherit(const char *config, bool same_user, char **process)
{
	struct json_object *all = json_tokener_parse(config), *o = json_tokener_parse(*process);
	struct json_object *first = oci_json_get(all, "process", json_type_object), *value;

	for (size_t i = 0; i < ARRAY_SIZE(inherited); i++) {
		if (!same_user && strcmp(inherited[i], "user") == 0)
			continue;
		json_object_object_del(o, inherited[i]);
		if (first && json_object_object_get_ex(first, inherited[i], &value))
			json_object_object_add(o, inherited[i], json_object_get(value));
	}
	free(*process);
	*process = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	json_object_put(all);
}

static int adapt_process(struct json_object *o, char **ret_command, bool *ret_terminal,
			 struct err *err)
{
	struct json_object *terminal = oci_json_get(o, "terminal", json_type_boolean);
	_cleanup_strv_ struct strv args = STRV_NULL;
	int r;

	if (!is_object(o))
		return err_set(err, -EBADMSG, "the process is no JSON object");
	r = take_texts(o, "args", &args, err);
	if (r == 0 && args.n == 0)
		r = err_set(err, -EBADMSG, "process.args names no command");
	if (r < 0)
		return r;
	/* Members of config.json's "process" there, of the process itself here. */
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		if (strcmp(labels[i][0], "process") == 0)
			json_object_object_del(o, labels[i][1]);
	*ret_terminal = terminal && json_object_get_boolean(terminal);
	*ret_command = xstrdup(args.v[0]);
	return 0;
}

int oci_process_adapt(const void *json, size_t len, char **ret, char **ret_command,
		      bool *ret_terminal, struct err *err)
{
	_cleanup_free_ char *text = xstrndup(json, len);
	struct json_object *o = json_tokener_parse(text);
	int r = adapt_process(o, ret_command, ret_terminal, err);

	if (r == 0)
		*ret = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return r;
}

/* The guest looks at how it begins. */
static struct json_object *with_args_first(struct json_object *process)
{
	static const char args[] = "args";
	struct json_object *ret = json_object_new_object();

	json_object_object_add(ret, args, json_object_get(json_object_object_get(process, args)));
	json_object_object_foreach(process, name, value) if (strcmp(name, args) != 0)
		json_object_object_add(ret, name, json_object_get(value));
	return ret;
}

void oci_process_lend_tar(char **process)
{
	struct json_object *o = json_tokener_parse(*process), *lent;
	struct json_object *args = oci_json_get(o, "args", json_type_array);
	struct json_object *first = args ? json_object_array_get_idx(args, 0) : NULL;

	if (first && json_object_is_type(first, json_type_string) &&
	    strcmp(json_object_get_string(first), "tar") == 0) {
		json_object_array_put_idx(args, 0, json_object_new_string(ABI_TAR_PATH));
		lent = with_args_first(o);
		free(*process);
		*process = xstrdup(json_object_to_json_string_ext(
			lent, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(lent);
	}
	json_object_put(o);
}
