/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/oci-seccomp.h"
#include "ttrpc/text.h"

#define OCI_VERSION   "1.0.2"
#define DEFAULT_UMASK 0022

/* By their numbers: linux/capability.h. */
static const char *const capability_names[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};
#define CAP_SYS_ADMIN_BIT (UINT64_C(1) << 21)

static const char *const rlimit_names[] = {
	[RLIMIT_CPU] = "CPU",		[RLIMIT_FSIZE] = "FSIZE",
	[RLIMIT_DATA] = "DATA",		[RLIMIT_STACK] = "STACK",
	[RLIMIT_CORE] = "CORE",		[RLIMIT_RSS] = "RSS",
	[RLIMIT_NPROC] = "NPROC",	[RLIMIT_NOFILE] = "NOFILE",
	[RLIMIT_MEMLOCK] = "MEMLOCK",	[RLIMIT_AS] = "AS",
	[RLIMIT_LOCKS] = "LOCKS",	[RLIMIT_SIGPENDING] = "SIGPENDING",
	[RLIMIT_MSGQUEUE] = "MSGQUEUE", [RLIMIT_NICE] = "NICE",
	[RLIMIT_RTPRIO] = "RTPRIO",	[RLIMIT_RTTIME] = "RTTIME",
};

/* Docker's defaults, all of them. */
static const struct {
	const char *destination, *type, *source;
	const char *options[6];
} mounts[] = {
	{"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
	{"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
	{"/dev/pts",
	 "devpts",
	 "devpts",
	 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
	{"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
	{"/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"}},
	{"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
	{"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
};
static const char *const namespaces[] = {"pid", "mount", "ipc", "uts", "cgroup", NULL};
static const char *const masked[] = {ABI_MASKED_PATHS, NULL};
static const char *const read_only[] = {ABI_READ_ONLY_PATHS, NULL};

static void put(struct json_object *o, const char *name, const char *value)
{
	json_object_object_add(o, name, json_object_new_string(value));
}

static struct json_object *put_list(struct json_object *o, const char *name)
{
	struct json_object *list = json_object_new_array();

	json_object_object_add(o, name, list);
	return list;
}

static struct json_object *put_object(struct json_object *o, const char *name)
{
	struct json_object *child = json_object_new_object();

	json_object_object_add(o, name, child);
	return child;
}

static void put_words(struct json_object *o, const char *name, const char *const *words)
{
	struct json_object *list = put_list(o, name);

	for (; *words; words++)
		json_object_array_add(list, json_object_new_string(*words));
}

static bool is_utf8(const char *s)
{
	return ttrpc_text_valid((const uint8_t *)s, strlen(s));
}

#define MESSAGE_UTF8 " is not valid UTF-8, which config.json has to be"

/* A variable is told by its name, where that can be printed. */
static int check_texts(const char *name, char *const *texts, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = strcmp(name, "env") == 0 ? strchr(texts[i], '=') : NULL;
		_cleanup_free_ char *variable = NULL;

		if (is_utf8(texts[i]))
			continue;
		if (value)
			variable = xasprintf("%.*s", (int)(value - texts[i]), texts[i]);
		if (variable && is_utf8(variable))
			return err_set(err, -EILSEQ, "--executor oci: the variable %s" MESSAGE_UTF8,
				       variable);
		return err_set(err, -EILSEQ, "--executor oci: %s[%zu]" MESSAGE_UTF8, name, i);
	}
	return 0;
}

int oci_check(char *const *args, size_t n_args, char *const *env, size_t n_env, const char *cwd,
	      struct err *err)
{
	int r;

	if (cwd && !is_utf8(cwd))
		return err_set(err, -EILSEQ, "--executor oci: the working directory" MESSAGE_UTF8);
	r = check_texts("args", args, n_args, err);
	return r < 0 ? r : check_texts("env", env, n_env, err);
}

static void put_texts(struct json_object *o, const char *name, char *const *texts, size_t n)
{
	struct json_object *list = put_list(o, name);

	for (size_t i = 0; i < n; i++)
		json_object_array_add(list, json_object_new_string(texts[i]));
}

static uint64_t capabilities_of(const Caisson__Guest__V1__Process *process)
{
	return process->capabilities ? process->capabilities : UINT64_MAX;
}

static void put_capability_set(struct json_object *sets, const char *name, uint64_t mask)
{
	struct json_object *list = put_list(sets, name);

	for (size_t i = 0; i < ARRAY_SIZE(capability_names); i++) {
		char word[40];

		if (!(mask & UINT64_C(1) << i))
			continue;
		(void)snprintf(word, sizeof(word), "CAP_%s", capability_names[i]);
		json_object_array_add(list, json_object_new_string(word));
	}
}

/* Any other user than root has only what programs with file capabilities may get back. */
static void put_capabilities(struct json_object *o, const Caisson__Guest__V1__Process *process,
			     const struct user *user)
{
	struct json_object *sets = put_object(o, "capabilities");
	uint64_t mask = capabilities_of(process), now = user->uid == 0 ? mask : 0;

	put_capability_set(sets, "bounding", mask);
	put_capability_set(sets, "permitted", now);
	put_capability_set(sets, "effective", now);
}

static void put_user(struct json_object *o, const Caisson__Guest__V1__Process *process,
		     const struct user *user)
{
	struct json_object *who = put_object(o, "user"), *groups;

	json_object_object_add(who, "uid", json_object_new_int64(user->uid));
	json_object_object_add(who, "gid", json_object_new_int64(user->gid));
	json_object_object_add(
		who, "umask",
		json_object_new_int(process->umask ? (int)process->umask & 0777 : DEFAULT_UMASK));
	groups = put_list(who, "additionalGids");
	for (size_t i = 0; i < user->n_groups; i++)
		json_object_array_add(groups, json_object_new_int64(user->groups[i]));
	for (size_t i = 0; i < process->n_additional_gids; i++)
		json_object_array_add(groups, json_object_new_int64(process->additional_gids[i]));
}

static int put_rlimits(struct json_object *o, const Caisson__Guest__V1__Process *process,
		       struct err *err)
{
	struct json_object *list = put_list(o, "rlimits");

	for (size_t i = 0; i < process->n_rlimits; i++) {
		const Caisson__Guest__V1__Rlimit *limit = process->rlimits[i];
		struct json_object *item = json_object_new_object();
		char word[24];

		json_object_array_add(list, item);
		if (limit->type >= ARRAY_SIZE(rlimit_names))
			return err_set(err, -EINVAL, "there is no resource limit %u", limit->type);
		(void)snprintf(word, sizeof(word), "RLIMIT_%s", rlimit_names[limit->type]);
		put(item, "type", word);
		json_object_object_add(item, "soft", json_object_new_uint64(limit->soft));
		json_object_object_add(item, "hard", json_object_new_uint64(limit->hard));
	}
	return 0;
}

static bool has_home(const Caisson__Guest__V1__Process *process)
{
	for (size_t i = 0; i < process->n_env; i++) {
		const char *value = str_starts(process->env[i], "HOME=");

		if (value && *value)
			return true;
	}
	return false;
}

static void put_env(struct json_object *o, const Caisson__Guest__V1__Process *process,
		    const struct user *user)
{
	struct json_object *list;
	_cleanup_free_ char *home = NULL;

	put_texts(o, "env", process->env, process->n_env);
	if (has_home(process))
		return;
	home = xasprintf("HOME=%s", is_utf8(user->home) ? user->home : "/");
	if (json_object_object_get_ex(o, "env", &list))
		json_object_array_add(list, json_object_new_string(home));
}

static int fill_process(struct json_object *o, const Caisson__Guest__V1__Process *process,
			const struct user *user, struct err *err)
{
	const char *cwd = process->cwd && *process->cwd ? process->cwd : "/";
	int r = oci_check(process->args, process->n_args, process->env, process->n_env, cwd, err);

	if (r < 0)
		return r;
	json_object_object_add(o, "terminal", json_object_new_boolean(process->terminal));
	put(o, "cwd", cwd);
	json_object_object_add(o, "noNewPrivileges",
			       json_object_new_boolean(process->no_new_privileges));
	put_user(o, process, user);
	put_capabilities(o, process, user);
	put_texts(o, "args", process->args, process->n_args);
	put_env(o, process, user);
	return put_rlimits(o, process, err);
}

static void put_mount(struct json_object *list, const Containerd__Types__Mount *m)
{
	struct json_object *item = json_object_new_object();

	put(item, "destination", m->target);
	put(item, "type", m->type);
	put(item, "source", m->source);
	put_texts(item, "options", m->options, m->n_options);
	json_object_array_add(list, item);
}

/* One that may mount would have them otherwise at once. */
static bool is_writable(const Caisson__Guest__V1__Container *container, const char *destination)
{
	return capabilities_of(container->process) & CAP_SYS_ADMIN_BIT ||
	       (container->delegate_cgroups && strcmp(destination, "/sys/fs/cgroup") == 0);
}

static void put_options(struct json_object *list, const char *const *words, size_t n, bool writable)
{
	for (size_t i = 0; i < n && words[i]; i++)
		if (!writable || strcmp(words[i], "ro") != 0)
			json_object_array_add(list, json_object_new_string(words[i]));
}

static void put_mounts(struct json_object *o, const Caisson__Guest__V1__Container *container)
{
	struct json_object *list = put_list(o, "mounts");

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		struct json_object *item = json_object_new_object();

		put(item, "destination", mounts[i].destination);
		put(item, "type", mounts[i].type);
		put(item, "source", mounts[i].source);
		put_options(put_list(item, "options"), mounts[i].options,
			    ARRAY_SIZE(mounts[i].options),
			    is_writable(container, mounts[i].destination));
		json_object_array_add(list, item);
	}
	for (size_t i = 0; i < container->n_mounts; i++)
		put_mount(list, container->mounts[i]);
}

/* What one that may do anything would miss; vminitd makes the same. */
static void put_more_devices(struct json_object *own)
{
	static const struct {
		const char *path;
		int major, minor;
	} more[] = {
		{"/dev/kmsg", 1, 11},
		{"/dev/fuse", 10, 229},
		{"/dev/loop-control", 10, 237},
		{"/dev/net/tun", 10, 200},
	};
	struct json_object *list = put_list(own, "devices");

	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		struct json_object *item = json_object_new_object();

		put(item, "path", more[i].path);
		put(item, "type", "c");
		json_object_object_add(item, "major", json_object_new_int(more[i].major));
		json_object_object_add(item, "minor", json_object_new_int(more[i].minor));
		json_object_object_add(item, "fileMode", json_object_new_int(0666));
		json_object_array_add(list, item);
	}
}

/* None but those that crun makes in every container's /dev. */
static void put_devices(struct json_object *own)
{
	struct json_object *list = put_list(put_object(own, "resources"), "devices");
	struct json_object *all = json_object_new_object();

	json_object_object_add(all, "allow", json_object_new_boolean(false));
	put(all, "access", "rwm");
	json_object_array_add(list, all);
}

static void put_linux(struct json_object *o, const char *id,
		      const Caisson__Guest__V1__Process *process)
{
	struct json_object *own = put_object(o, "linux"), *list = put_list(own, "namespaces");
	struct json_object *profile;
	_cleanup_free_ char *cgroup = xasprintf("/%s", id);

	put(own, "cgroupsPath", cgroup);
	profile = oci_seccomp(capabilities_of(process));
	if (profile)
		json_object_object_add(own, "seccomp", profile);
	for (const char *const *name = namespaces; *name; name++) {
		struct json_object *item = json_object_new_object();

		put(item, "type", *name);
		json_object_array_add(list, item);
	}
	/* One that may mount could take these away again. */
	if (capabilities_of(process) & CAP_SYS_ADMIN_BIT) {
		put_more_devices(own);
		return;
	}
	put_devices(own);
	put_words(own, "maskedPaths", masked);
	put_words(own, "readonlyPaths", read_only);
}

static char *take_text(struct json_object *o)
{
	char *text = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));

	json_object_put(o);
	return text;
}

int oci_config(const Caisson__Guest__V1__Container *container, const struct user *user, char **ret,
	       struct err *err)
{
	struct json_object *o = json_object_new_object(), *root = put_object(o, "root");
	int r;

	put(o, "ociVersion", OCI_VERSION);
	put(o, "hostname", container->hostname);
	put(root, "path", "rootfs");
	json_object_object_add(root, "readonly",
			       json_object_new_boolean(container->readonly_rootfs));
	r = fill_process(put_object(o, "process"), container->process, user, err);
	if (r < 0) {
		json_object_put(o);
		return r;
	}
	put_mounts(o, container);
	put_linux(o, container->hostname, container->process);
	*ret = take_text(o);
	return 0;
}

int oci_process(const Caisson__Guest__V1__Process *process, const struct user *user, char **ret,
		struct err *err)
{
	struct json_object *o = json_object_new_object();
	int r = fill_process(o, process, user, err);

	if (r < 0) {
		json_object_put(o);
		return r;
	}
	*ret = take_text(o);
	return 0;
}

uint64_t oci_capability(const char *word)
{
	const char *name = word ? str_starts(word, "CAP_") : NULL;

	for (size_t i = 0; name && i < ARRAY_SIZE(capability_names); i++)
		if (strcmp(name, capability_names[i]) == 0)
			return UINT64_C(1) << i;
	return 0;
}
