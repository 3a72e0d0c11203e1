/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/setting-set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/disk.h"
#include "sandbox/rates.h"
#include "sandbox/setting.h"
#include "vmm/vmm.h"

#define SETTING_VNC_MAX 99
#define MIB		(UINT64_C(1) << 20)

static void replace(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

static int take_size(const struct setting_value *v, uint64_t min, uint64_t max, uint64_t *ret,
		     struct err *err)
{
	if (parse_size(v->value, ret) < 0 || *ret < min || *ret > max)
		return err_set(err, -EINVAL,
			       "%s of '%s' is no size from %lluM to %lluM, such as 512M or 10G",
			       v->name, v->value, (unsigned long long)(min / MIB),
			       (unsigned long long)(max / MIB));
	return 0;
}

int setting_memory(const struct setting_value *v, struct err *err)
{
	int r = take_size(v, SANDBOX_MEMORY_MIN, VMM_MEMORY_MAX, &v->spec->memory, err);

	v->spec->memory &= ~(MIB - 1);
	return r;
}

int setting_rootfs_size(const struct setting_value *v, struct err *err)
{
	return take_size(v, SETTING_ROOTFS_MIN, SETTING_ROOTFS_MAX, &v->spec->rootfs_size, err);
}

static int take_number(const struct setting_value *v, uint32_t min, uint32_t max, uint32_t *ret,
		       struct err *err)
{
	if (parse_u32(v->value, min, max, ret) < 0)
		return err_set(err, -EINVAL, "%s of '%s' is no number from %u to %u", v->name,
			       v->value, min, max);
	return 0;
}

int setting_cpus(const struct setting_value *v, struct err *err)
{
	return take_number(v, 1, VMM_CPUS_MAX, &v->spec->cpus, err);
}

int setting_placeholders(const struct setting_value *v, struct err *err)
{
	return take_number(v, 0, VMM_DISKS_MAX, &v->spec->placeholders, err);
}

int setting_placeholders_ro(const struct setting_value *v, struct err *err)
{
	return take_number(v, 0, VMM_DISKS_MAX, &v->spec->placeholders_ro, err);
}

/* The names are both ways of writing that of a rate. */
int setting_rate(const struct setting_value *v, struct err *err)
{
	const char *name = v->name;

	name += strlen(str_starts(name, SETTING_VARIABLE) ? SETTING_VARIABLE : SETTING_ANNOTATION);
	for (size_t i = 0; rates_name(i); i++)
		if (strcasecmp(rates_name(i), name) == 0)
			name = rates_name(i);
	return rates_take(&v->spec->rates, name, v->value, v->name, err);
}

static int take_choice(const struct setting_value *v, const char *choices, char **field,
		       struct err *err)
{
	if (!str_is_choice(choices, v->value))
		return err_set(err, -EINVAL, "%s of '%s' is not one of %s", v->name, v->value,
			       choices);
	replace(field, v->value);
	return 0;
}

int setting_machine(const struct setting_value *v, struct err *err)
{
	return take_choice(v, VMM_MACHINES, &v->spec->machine, err);
}

int setting_display(const struct setting_value *v, struct err *err)
{
	return take_choice(v, SANDBOX_DISPLAYS, &v->spec->display, err);
}

int setting_vga(const struct setting_value *v, struct err *err)
{
	return take_choice(v, VMM_VGAS, &v->spec->vga, err);
}

int setting_bios(const struct setting_value *v, struct err *err)
{
	if (strcasecmp(v->value, SANDBOX_BIOS_EFI) != 0)
		return err_set(err, -EINVAL, "%s of '%s' is not EFI", v->name, v->value);
	replace(&v->spec->bios, SANDBOX_BIOS_EFI);
	return 0;
}

int setting_vnc(const struct setting_value *v, struct err *err)
{
	const char *number = str_starts(v->value, "127.0.0.1:");
	char port[8];
	uint32_t n;

	if (!number)
		number = v->value + (*v->value == ':');
	if (parse_u32(number, 0, SETTING_VNC_MAX, &n) < 0)
		return err_set(
			err, -EINVAL,
			"%s of '%s' is no display from :0 to :%d, which is one of 127.0.0.1's",
			v->name, v->value, SETTING_VNC_MAX);
	(void)snprintf(port, sizeof(port), "%u", VMM_VNC_PORT_MIN + n);
	replace(&v->spec->vnc, port);
	return 0;
}

int setting_hypervisor(const struct setting_value *v, struct err *err)
{
	return take_choice(v, VMM_HYPERVISORS, &v->spec->hypervisor, err);
}

/* Both without symbolic links. */
static bool is_below(const char *path, const char *folder)
{
	_cleanup_free_ char *real = realpath(folder, NULL);
	const char *rest = real ? str_starts(path, real) : NULL;

	return rest && (*rest == '/' || strcmp(real, "/") == 0);
}

int setting_kernel(const struct setting_value *v, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	bool allowed = false;

	if (!strchr(v->value, '/')) {
		replace(&v->spec->kernel, v->value);
		return 0;
	}
	path = *v->value == '/' ? realpath(v->value, NULL) : NULL;
	for (size_t i = 0; path && !allowed && i < v->conf->kernel_allow.n; i++)
		allowed = is_below(path, v->conf->kernel_allow.v[i]);
	if (!allowed)
		return err_set(err, -EPERM,
			       "%s of '%s' is a path, and an image may have set it: a name of "
			       "`caisson kernel list` would do, or a file below a folder "
			       "that " CONF_KERNEL_ALLOW " in %s has",
			       v->name, v->value, v->conf->path);
	replace(&v->spec->kernel, path);
	return 0;
}

int setting_kernel_append(const struct setting_value *v, struct err *err)
{
	(void)err;
	replace(&v->spec->kernel_append, v->value);
	return 0;
}

int setting_log_level(const struct setting_value *v, struct err *err)
{
	static const struct {
		const char *word, *console;
		bool stages;
	} levels[] = {
		{"off", ""},
		{"error", ""},
		{"info", SANDBOX_CONSOLE_KEPT},
		{"debug", SANDBOX_CONSOLE_DEBUG, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (strcasecmp(v->value, levels[i].word) == 0) {
			v->spec->stages = levels[i].stages;
			/* The console is the VM's. */
			if (!sandbox_spec_shares_vm(v->spec))
				replace(&v->spec->console, levels[i].console);
			return 0;
		}
	return err_set(err, -EINVAL, "%s of '%s' is not one of off|error|info|debug", v->name,
		       v->value);
}

static int take_bool(const struct setting_value *v, bool *ret, struct err *err)
{
	static const char *const words[] = {"0", "no", "false", "1", "yes", "true"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(v->value, words[i]) == 0) {
			*ret = i >= ARRAY_SIZE(words) / 2;
			return 0;
		}
	return err_set(err, -EINVAL, "%s of '%s' is neither 1 nor 0", v->name, v->value);
}

int setting_kernel_debug(const struct setting_value *v, struct err *err)
{
	bool debug = false;
	int r = take_bool(v, &debug, err);

	if (debug)
		replace(&v->spec->console, SANDBOX_CONSOLE_DEBUG);
	return r;
}

int setting_prealloc(const struct setting_value *v, struct err *err)
{
	return take_bool(v, &v->spec->memory_prealloc, err);
}

int setting_huge(const struct setting_value *v, struct err *err)
{
	return take_bool(v, &v->spec->memory_huge, err);
}

int setting_systemd(const struct setting_value *v, struct err *err)
{
	return take_bool(v, &v->spec->systemd, err);
}

int setting_usb(const struct setting_value *v, struct err *err)
{
	bool has = true;
	int r = take_bool(v, &has, err);

	replace(&v->spec->usb, has ? "1" : "0");
	return r;
}

int setting_virtiofs_cache(const struct setting_value *v, struct err *err)
{
	return take_choice(v, SANDBOX_VIRTIOFS_CACHES, &v->spec->virtiofs_cache, err);
}

int setting_volume_mode(const struct setting_value *v, struct err *err)
{
	return take_choice(v, SANDBOX_VOLUME_MODES, &v->spec->volume_mode, err);
}

/* Both names would add theirs, and the annotation is the one that counts. */
int setting_disks(const struct setting_value *v, struct err *err)
{
	const char *other = strv_env_get(&v->spec->annotations, SETTING_ANNOTATION "disks");

	if (str_starts(v->name, SETTING_VARIABLE) && other && *other)
		return 0;
	return disks_set(v->name, v->value, v->spec, err);
}

int setting_cgroupfs(const struct setting_value *v, struct err *err)
{
	if (strcmp(v->value, "2") == 0)
		return 0;
	return err_set(err, -ENOTSUP, "%s of '%s': guests have version 2 of control groups",
		       v->name, v->value);
}
