/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/setting.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/annotation.h"
#include "sandbox/cri.h"
#include "sandbox/disk.h"
#include "sandbox/oci-devices.h"
#include "sandbox/service-variable.h"
#include "sandbox/setting-set.h"
#include "sandbox/volume.h"
#include "vmm/vmm.h"

#define NAME_MAX_SHOWN 64

enum fate {
	KEPT,
	PRIVILEGED, /* kept, if CONF_SETTINGS_ALLOW has it */
	REFUSED,    /* for the reason given */
	IGNORED, /* says nothing here: another runtime's own note, or a hint that is not needed */
};

/*
 * Of two names of one thing the later counts. @own: it is about the container, and not about the VM, which others may
 * be in. docs/options.md has the same list.
 */
static const struct setting {
	const char *name;
	enum fate fate;
	const char *why;
	int (*set)(const struct setting_value *value, struct err *err);
	bool own;
} settings[] = {
	{"RUNCVM_MEM_SIZE", KEPT, NULL, setting_memory},
	{"RUNCVM_CPUS", KEPT, NULL, setting_cpus},
	{"RUNCVM_DISK_RATE", KEPT, NULL, setting_rate},
	{"RUNCVM_DISK_IOPS", KEPT, NULL, setting_rate},
	{"RUNCVM_NET_RATE", KEPT, NULL, setting_rate},
	{"RUNCVM_HYPERVISOR", KEPT, NULL, setting_hypervisor},
	{"RUNCVM_FC_KERNEL_PATH", KEPT, NULL, setting_kernel},
	{"RUNCVM_KERNEL", KEPT, NULL, setting_kernel},
	{"RUNCVM_KERNEL_ARGS", PRIVILEGED, NULL, setting_kernel_append},
	{"RUNCVM_KERNEL_APPEND", PRIVILEGED, NULL, setting_kernel_append},
	{"RUNCVM_LOG_LEVEL", KEPT, NULL, setting_log_level, true},
	{"RUNCVM_KERNEL_DEBUG", KEPT, NULL, setting_kernel_debug},
	{"RUNCVM_ROOTFS_SIZE", KEPT, NULL, setting_rootfs_size, true},
	{"RUNCVM_CGROUPFS", KEPT, NULL, setting_cgroupfs, true},
	{"RUNCVM_SYSTEMD", KEPT, NULL, setting_systemd, true},
	{"RUNCVM_VIRTIOFSD_CACHE", KEPT, NULL, setting_virtiofs_cache},
	{"RUNCVM_VOLUME_MODE", KEPT, NULL, setting_volume_mode},
	{"RUNCVM_QEMU_MEM_PREALLOC", PRIVILEGED, NULL, setting_prealloc},
	{"RUNCVM_HUGETLB", PRIVILEGED, NULL, setting_huge},
	{"RUNCVM_DISKS", KEPT, NULL, setting_disks},
	{"RUNCVM_PLACEHOLDERS", KEPT, NULL, setting_placeholders},
	{"RUNCVM_PLACEHOLDERS_RO", KEPT, NULL, setting_placeholders_ro},

	{"RUNCVM_MACHINE", KEPT, NULL, setting_machine},
	{"RUNCVM_BIOS", KEPT, NULL, setting_bios},
	{"RUNCVM_DISPLAY_MODE", KEPT, NULL, setting_display},
	{"RUNCVM_QEMU_VGA", KEPT, NULL, setting_vga},
	{"RUNCVM_QEMU_USB", KEPT, NULL, setting_usb},
	{"RUNCVM_QEMU_VNC_DISPLAY", PRIVILEGED, NULL, setting_vnc},

	{"RUNCVM_BIOS_DEBUG", REFUSED, "the firmware of distributions says nothing of itself",
	 NULL},
	{"RUNCVM_QEMU_DISPLAY", REFUSED,
	 "a container does not choose displays of the host; RUNCVM_DISPLAY_MODE=vnc shows its own",
	 NULL},
	{"RUNCVM_INIT", REFUSED, "the engine's --init does that", NULL},
	{"RUNCVM_BREAK", REFUSED,
	 "no shell runs on the way into a container; RUNCVM_KERNEL_DEBUG shows its boot", NULL},
	{"RUNCVM_DEBUG", REFUSED, "RUNCVM_LOG_LEVEL=debug does that", NULL},
	{"RUNCVM_RUNTIME_DEBUG", REFUSED, "RUNCVM_LOG_LEVEL=debug does that", NULL},
	{"RUNCVM_QEMU_DEBUG", REFUSED, "RUNCVM_LOG_LEVEL=debug does that", NULL},
	{"RUNCVM_LOG_FILE", REFUSED,
	 "a container does not choose files of the host; `caisson logs --console` shows the log",
	 NULL},
	{"RUNCVM_QEMU_ARCH", REFUSED, "guests have the host's architecture", NULL},
	{"RUNCVM_QEMU_NET_VHOST", REFUSED, "QEMU itself moves the packets", NULL},
	{"RUNCVM_SYS_ADMIN", REFUSED,
	 "there is no container around the VM that could be given capabilities", NULL},
	{"RUNCVM_KERNEL_MOUNT_LIB_MODULES", REFUSED,
	 "guests load their kernel's modules before the container", NULL},
	{"RUNCVM_NETWORK_MODE", REFUSED, "the network is what the engine made of it", NULL},
	{"RUNCVM_ENABLE_BALLOON", REFUSED, "what a guest has not touched the host has", NULL},
	{"RUNCVM_BALLOON_SIZE_MIB", REFUSED, "RUNCVM_MEM_SIZE is a limit, not what is taken", NULL},
	{"RUNCVM_ROOTFS_EXTRA", REFUSED, "RUNCVM_ROOTFS_SIZE says the whole", NULL},
	{"RUNCVM_NFS_VOLUMES", REFUSED, "volumes are the bundle's mounts, without NFS", NULL},
	{"RUNCVM_NFS_DIR", REFUSED, "volumes are the bundle's mounts, without NFS", NULL},
	{"RUNCVM_NFS_UID", REFUSED, "files of volumes have their own owners", NULL},
	{"RUNCVM_NFS_GID", REFUSED, "files of volumes have their own owners", NULL},
	{"RUNCVM_NFS_PORT", REFUSED, "volumes are the bundle's mounts, without NFS", NULL},
	{"RUNCVM_NFS_HOST_EXPORTS", REFUSED, "volumes are the bundle's mounts, without NFS", NULL},
	{"RUNCVM_SOCKET_DIR", REFUSED, "a container does not choose folders of the host", NULL},

	{"RUNCVM_CACHE_KEY", IGNORED, NULL, NULL},
	{"RUNCVM_DNS_IP", IGNORED, NULL, NULL},
	{"RUNCVM_ENTRYPOINT", IGNORED, NULL, NULL},
	{"RUNCVM_GUEST", IGNORED, NULL, NULL},
	{"RUNCVM_HAS_HOME", IGNORED, NULL, NULL},
	{"RUNCVM_JQ", IGNORED, NULL, NULL},
	{"RUNCVM_KERNEL_ID", IGNORED, NULL, NULL},
	{"RUNCVM_KERNEL_IDVER", IGNORED, NULL, NULL},
	{"RUNCVM_KERNEL_INITRAMFS_PATH", IGNORED, NULL, NULL},
	{"RUNCVM_KERNEL_PATH", IGNORED, NULL, NULL},
	{"RUNCVM_KERNEL_ROOT", IGNORED, NULL, NULL},
	{"RUNCVM_KUBERNETES_MODE", IGNORED, NULL, NULL},
	{"RUNCVM_LD", IGNORED, NULL, NULL},
	{"RUNCVM_MEM_LIMIT", IGNORED, NULL, NULL},
	{"RUNCVM_TMPFS", IGNORED, NULL, NULL},
	{"RUNCVM_UIDGID", IGNORED, NULL, NULL},
	{"RUNCVM_VM_MOUNTPOINT", IGNORED, NULL, NULL},
};

/* Families of notes, of which the names vary. */
static const char *const ignored_prefixes[] = {"RUNCVM_KERNEL_OS_", "RUNCVM_KERNEL_MODULES_"};

static bool is_ignored_family(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ignored_prefixes); i++)
		if (str_starts(name, ignored_prefixes[i]))
			return true;
	return false;
}

static const char *short_name(const struct setting *s)
{
	return s->name + sizeof(SETTING_VARIABLE) - 1;
}

/* @name: as in annotations: in small letters. */
static const struct setting *find_small(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (isupper((unsigned char)name[i]))
			return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].fate != IGNORED && strlen(short_name(&settings[i])) == len &&
		    strncasecmp(short_name(&settings[i]), name, len) == 0)
			return &settings[i];
	return NULL;
}

static const struct setting *find_variable(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (strlen(settings[i].name) == len && strncmp(settings[i].name, name, len) == 0)
			return &settings[i];
	return NULL;
}

bool setting_known(const char *name)
{
	const struct setting *s = find_small(name, strlen(name));

	return strcmp(name, "*") == 0 || (s && s->set);
}

bool setting_is_annotation(const char *name, size_t len)
{
	size_t prefix = sizeof(SETTING_ANNOTATION) - 1;

	return len > prefix && strncmp(name, SETTING_ANNOTATION, prefix) == 0 &&
	       find_small(name + prefix, len - prefix);
}

bool setting_text_valid(const char *value)
{
	size_t len = strnlen(value, SETTING_VALUE_MAX + 1);

	for (size_t i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~')
			return false;
	return len <= SETTING_VALUE_MAX;
}

static bool lists(const struct strv *list, const struct setting *s)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], "*") == 0 || strcasecmp(list->v[i], short_name(s)) == 0)
			return true;
	return false;
}

static int check_allowed(const struct setting *s, const struct setting_value *v, struct err *err)
{
	if (s->fate == REFUSED)
		return err_set(err, -ENOTSUP, "%s cannot be had: %s", v->name, s->why);
	if (lists(&v->conf->settings_deny, s))
		return err_set(err, -EPERM,
			       "%s is not a container's to set on this machine: " CONF_SETTINGS_DENY
			       " in %s has it",
			       v->name, v->conf->path);
	if (s->fate == PRIVILEGED && !lists(&v->conf->settings_allow, s))
		return err_set(err, -EPERM,
			       "%s is not a container's to set, unless " CONF_SETTINGS_ALLOW
			       " in %s has it",
			       v->name, v->conf->path);
	if (!setting_text_valid(v->value))
		return err_set(err, -EINVAL,
			       "%s is not printable ASCII, or longer than %d characters", v->name,
			       SETTING_VALUE_MAX);
	return 0;
}

static int make(const struct setting *s, const struct setting_value *v, struct err *err)
{
	int r = s->fate == IGNORED || !*v->value ? 0 : check_allowed(s, v, err);

	return r == 0 && s->set && *v->value ? s->set(v, err) : r;
}

/* Somebody else's names, that no escape sequence gets into a message. */
static void show(const char *name, char buf[NAME_MAX_SHOWN])
{
	size_t i;

	for (i = 0; i < NAME_MAX_SHOWN - 1 && name[i] && name[i] != '='; i++)
		buf[i] = (char)(name[i] >= ' ' && name[i] <= '~' ? name[i] : '?');
	buf[i] = '\0';
}

/* Nobody has said these: a pod has them for a Service whose name begins with "runcvm". @word: NAME=VALUE */
static bool is_of_service(const struct sandbox_spec *spec, const char *word)
{
	return strv_env_get(&spec->annotations, CRI_SANDBOX_ID) && service_variable(word);
}

static int check_variables(const struct sandbox_spec *spec, struct err *err)
{
	char name[NAME_MAX_SHOWN];

	for (size_t i = 0; i < spec->env.n; i++) {
		const char *word = spec->env.v[i];

		if (!str_starts(word, SETTING_VARIABLE) || is_of_service(spec, word) ||
		    find_variable(word, strcspn(word, "=")) || is_ignored_family(word))
			continue;
		show(word, name);
		return err_set(err, -EINVAL,
			       "%s in the container's environment is no setting of caisson's, and "
			       "names that begin with " SETTING_VARIABLE " are for those",
			       name);
	}
	return 0;
}

/* Owned by the caller. */
static char *annotation_name(const char *name)
{
	char *annotation = xasprintf(SETTING_ANNOTATION "%s", name);

	for (char *p = annotation; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return annotation;
}

const char *setting_early(const struct strv *env, const struct strv *annotations, const char *name)
{
	_cleanup_free_ char *annotation = annotation_name(name);
	_cleanup_free_ char *variable = xasprintf(SETTING_VARIABLE "%s", name);
	const char *value = strv_env_get(annotations, annotation);

	if (!value || !*value)
		value = strv_env_get(env, variable);
	return value && *value ? value : NULL;
}

/* All of a pod's containers have the annotations of the pod: what its VM was started with is not said anew. */
static int annotation_of_vm(const char *name, const char *value, const struct sandbox_spec *first,
			    struct err *err)
{
	const char *have = strv_env_get(&first->annotations, name);

	if (have && strcmp(have, value) == 0)
		return 0;
	return err_set(err, -ENOTSUP,
		       "annotation %s: it is about the VM, which was started already", name);
}

/* What is said of a VM that is there already: by an image, perhaps, which is none the worse for it; or by a pod. */
static int pass_over(const struct setting *s, const struct setting_value *v,
		     const struct sandbox_spec *first, struct err *err)
{
	_cleanup_free_ char *annotation = annotation_name(short_name(s));
	const char *counts = strv_env_get(&first->annotations, annotation);

	if (!*v->value || s->fate == IGNORED)
		return 0;
	if (s->fate == REFUSED)
		return check_allowed(s, v, err);
	if (strcmp(v->name, annotation) == 0)
		return annotation_of_vm(v->name, v->value, first, err);
	if (!counts || !*counts)
		strv_addf(&v->spec->notes,
			  "%s is about the virtual machine, which was there before the container: "
			  "of a pod its annotation %s counts",
			  v->name, annotation);
	return 0;
}

static const char *variable_value(const struct sandbox_spec *spec, const char *name)
{
	const char *value = strv_env_get(&spec->env, name);

	return value && !is_of_service(spec, value - strlen(name) - 1) ? value : NULL;
}

/* @first: whose VM it comes to; NULL: it gets its own. */
static int make_all(struct sandbox_spec *spec, const struct sandbox_spec *first,
		    const struct conf *conf, struct err *err)
{
	int r = check_variables(spec, err);

	/* All variables, then all annotations: whichever name of a thing these use, they count. */
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; r == 0 && i < ARRAY_SIZE(settings); i++) {
			_cleanup_free_ char *annotation = annotation_name(short_name(&settings[i]));
			struct setting_value v = {.spec = spec, .conf = conf};

			v.name = pass == 0 ? settings[i].name : annotation;
			v.value = pass == 0 ? variable_value(spec, v.name)
					    : strv_env_get(&spec->annotations, v.name);
			if (v.value)
				r = first && !settings[i].own
					    ? pass_over(&settings[i], &v, first, err)
					    : make(&settings[i], &v, err);
		}
	return r;
}

int settings_join(struct sandbox_spec *spec, const struct sandbox_spec *first,
		  const struct conf *conf, struct err *err)
{
	const char *extras = strv_env_get(&spec->annotations, ANNOTATION_EXTRAS);
	int r = extras ? annotation_of_vm(ANNOTATION_EXTRAS, extras, first, err) : 0;

	return r == 0 ? make_all(spec, first, conf, err) : r;
}

int settings_make(struct sandbox_spec *spec, const struct conf *conf, struct err *err)
{
	int r = make_all(spec, NULL, conf, err);

	if (r == 0)
		r = disks_check(spec, err);
	return r == 0 ? oci_devices_check(spec, err) : r;
}

static int check_disks(const struct sandbox_spec *spec, const struct conf *conf, struct err *err)
{
	for (size_t i = 0; i < spec->volumes.n; i++) {
		const struct volume volume = volume_of(spec->volumes.v[i]);
		uint64_t size = 0;

		if (volume_is_disk(&volume))
			(void)disk_of_volume(volume.source, &size);
		if (conf->limit_rootfs_size > 0 && size > conf->limit_rootfs_size)
			return err_set(err, -EPERM,
				       "%lluM of disk, on %s, are more than " CONF_LIMIT_ROOTFS
				       " in %s lets a disk have: %lluM",
				       (unsigned long long)size >> 20, spec->volume_targets.v[i],
				       conf->path,
				       (unsigned long long)conf->limit_rootfs_size >> 20);
	}
	return 0;
}

/* What would say nothing of a microVM is not passed over. */
static int check_machine(const struct sandbox_spec *spec, struct err *err)
{
	const struct {
		const char *value, *name;
	} all[] = {
		{spec->bios, "BIOS"},
		{spec->vga, "QEMU_VGA"},
		{spec->usb, "QEMU_USB"},
		{spec->vnc, "QEMU_VNC_DISPLAY"},
		{spec->display && strcmp(spec->display, SANDBOX_DISPLAY_VNC) == 0 ? spec->display
										  : NULL,
		 "DISPLAY_MODE"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all) && !sandbox_spec_has_pc(spec); i++)
		if (all[i].value && *all[i].value)
			return err_set(err, -EINVAL,
				       SETTING_VARIABLE
				       "%s=%s goes with the machine " VMM_MACHINE_PC
				       " only: " SETTING_VARIABLE "MACHINE=" VMM_MACHINE_PC
				       ", or --machine",
				       all[i].name, all[i].value);
	if (spec->vnc && *spec->vnc && !sandbox_spec_has_vnc(spec))
		return err_set(err, -EINVAL,
			       SETTING_VARIABLE
			       "QEMU_VNC_DISPLAY shows a display, and there is none");
	return 0;
}

static int check_limits(const struct sandbox_spec *spec, const struct conf *conf, struct err *err)
{
	const struct {
		uint64_t have, limit, unit;
		const char *what, *suffix, *key;
	} limits[] = {
		{spec->memory, conf->limit_memory, 1 << 20, "of memory", "M", CONF_LIMIT_MEMORY},
		{spec->cpus, conf->limit_cpus, 1, "CPUs", "", CONF_LIMIT_CPUS},
		{spec->rootfs_size, conf->limit_rootfs_size, 1 << 20, "of disk", "M",
		 CONF_LIMIT_ROOTFS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (limits[i].limit > 0 && limits[i].have > limits[i].limit)
			return err_set(err, -EPERM,
				       "%llu%s %s are more than %s in %s lets a VM have: %llu%s",
				       (unsigned long long)(limits[i].have / limits[i].unit),
				       limits[i].suffix, limits[i].what, limits[i].key, conf->path,
				       (unsigned long long)(limits[i].limit / limits[i].unit),
				       limits[i].suffix);
	return check_disks(spec, conf, err);
}

int settings_check(const struct sandbox_spec *spec, const struct conf *conf, struct err *err)
{
	int r = check_machine(spec, err);

	return r < 0 ? r : check_limits(spec, conf, err);
}
