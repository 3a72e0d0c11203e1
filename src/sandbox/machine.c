/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/machine.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/parse.h"
#include "oci/oci-limits.h"
#include "sandbox/cri.h"
#include "sandbox/setting.h"
#include "sandbox/systemd.h"
#include "vmm/vmm.h"

#define MIB (UINT64_C(1) << 20)
/* Microseconds, the kernel's. */
#define MACHINE_PERIOD_DEFAULT 100000

/* What a container's limits come to; 0: nothing is said. */
struct fitted {
	uint64_t memory;
	uint32_t cpus;
};

static char *text(const char *s)
{
	return xstrdup(s ? s : "");
}

/* What the kernel and vminitd take of it is not the container's. */
static uint64_t fit_memory(const struct oci_limits *limits)
{
	uint64_t wanted;

	if (limits->memory <= 0)
		return 0;
	wanted = MIN((uint64_t)limits->memory, VMM_MEMORY_MAX - MACHINE_GUEST_MEMORY);
	wanted = (wanted + MACHINE_GUEST_MEMORY + MIB - 1) & ~(MIB - 1);
	return MAX(wanted, SANDBOX_MEMORY_MIN);
}

/* "0-3,7" are five. What makes no sense the kernel will refuse. */
static int64_t count_cpus(const char *list)
{
	int64_t n = 0;

	while (*list) {
		unsigned int first, last;
		int got = sscanf(list, "%9u-%9u", &first, &last);

		if (got == 1)
			n++;
		else if (got == 2 && last >= first)
			n += (int64_t)last - first + 1;
		list += strcspn(list, ",");
		list += *list == ',';
	}
	return n;
}

static uint32_t fit_cpus(const struct oci_limits *limits)
{
	int64_t period = limits->period > 0 ? limits->period : MACHINE_PERIOD_DEFAULT;
	int64_t by_time = limits->quota > 0 ? (limits->quota - 1) / period + 1 : 0;
	int64_t by_set = count_cpus(limits->cpus), n = by_time ? by_time : by_set;

	if (by_time && by_set)
		n = MIN(by_time, by_set);
	return (uint32_t)MIN(n, VMM_CPUS_MAX);
}

/*
 * Of a pod's first container, what all that are to come may use (CRI: LinuxPodSandboxConfig.resources, as containerd
 * writes it down); what this one may is next to nothing.
 */
static void take_pod(const struct sandbox_spec *spec, struct oci_limits *limits)
{
	const struct {
		const char *name;
		int64_t *limit;
	} rows[] = {
		{CRI_MEMORY, &limits->memory},
		{CRI_CPU_QUOTA, &limits->quota},
		{CRI_CPU_PERIOD, &limits->period},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *text = strv_env_get(&spec->annotations, rows[i].name);
		uint64_t value;

		/* "0" and "-1": there is no limit. */
		if (text && parse_u64(text, 1, INT64_MAX, &value) == 0)
			*rows[i].limit = (int64_t)value;
	}
}

static int fit(struct sandbox_spec *spec, struct fitted *ret, struct err *err)
{
	struct oci_limits limits = {0};
	int r = 0;

	*ret = (struct fitted){0};
	if (spec->resources)
		r = oci_limits_parse_known(spec->resources, strlen(spec->resources), &limits, err);
	if (r < 0)
		return r;
	take_pod(spec, &limits);
	ret->memory = fit_memory(&limits);
	ret->cpus = fit_cpus(&limits);
	if (ret->memory > 0)
		spec->memory = ret->memory;
	if (ret->cpus > 0)
		spec->cpus = ret->cpus;
	return 0;
}

static bool is_annotated(const struct sandbox_spec *spec, const char *name)
{
	return strv_env_get(&spec->annotations, name) != NULL;
}

/* Whoever made the image wrote the variables, perhaps; who runs it the limits, and annotations. */
static void hold(struct sandbox_spec *spec, const struct fitted *most)
{
	if (most->memory > 0 && !is_annotated(spec, SETTING_ANNOTATION "mem_size"))
		spec->memory = MIN(spec->memory, most->memory);
	if (most->cpus > 0 && !is_annotated(spec, SETTING_ANNOTATION "cpus"))
		spec->cpus = MIN(spec->cpus, most->cpus);
}

int machine_begin(struct sandbox_spec *spec, const struct conf *conf, struct err *err)
{
	struct fitted fitted;
	int r;

	spec->hypervisor = text(conf->hypervisor);
	spec->accel = text(conf->accel);
	spec->kernel = text(conf->kernel);
	spec->kernel_append = xstrdup("");
	spec->console = xstrdup("");
	spec->virtiofs_cache = xstrdup("");
	spec->volume_mode = text(conf->volume_mode);
	spec->systemd = systemd_is_command(&spec->args);
	spec->machine = xstrdup(VMM_MACHINE_DEFAULT);
	spec->bios = xstrdup("");
	spec->display = xstrdup("");
	spec->vga = xstrdup("");
	spec->vnc = xstrdup("");
	spec->usb = xstrdup("");
	spec->memory = conf->memory & ~(MIB - 1);
	/* What nobody has asked for is never too much. */
	if (conf->limit_memory > 0)
		spec->memory = MIN(spec->memory, conf->limit_memory & ~(MIB - 1));
	spec->cpus = conf->cpus;
	spec->boot_timeout = conf->boot_timeout;
	spec->created = time(NULL);
	r = fit(spec, &fitted, err);
	if (r == 0)
		r = settings_make(spec, conf, err);
	if (r == 0)
		hold(spec, &fitted);
	return r;
}

/* What is configured is of one hypervisor; what was asked for is told where there is no such thing. */
static void choose_placeholders(struct sandbox_spec *spec, const struct conf *conf)
{
	if (strcmp(spec->hypervisor, "firecracker") != 0 ||
	    strcmp(conf->firecracker_api, "true") != 0)
		return;
	if (spec->placeholders == 0)
		spec->placeholders = conf->firecracker_placeholders;
	if (spec->placeholders_ro == 0)
		spec->placeholders_ro = conf->firecracker_placeholders_ro;
}

int machine_end(struct sandbox_spec *spec, const struct conf *conf, struct err *err)
{
	int r = settings_check(spec, conf, err);

	choose_placeholders(spec, conf);
	if (r == 0 && conf->kernel_append) {
		_cleanup_free_ char *own = spec->kernel_append;

		/* The administrator's last: of what a kernel is told twice the last counts. */
		spec->kernel_append = xasprintf("%s %s", own, conf->kernel_append);
	}
	return r;
}

/* It only waits: what the annotations of its pod say of containers is for those that come. */
static bool is_pods_own(const struct sandbox_spec *spec)
{
	const char *type = strv_env_get(&spec->annotations, CRI_TYPE);

	return type && cri_is_sandbox(type);
}

int machine_join(struct sandbox_spec *spec, const struct sandbox_spec *first, const char *path,
		 struct err *err)
{
	_cleanup_conf_ struct conf conf = CONF_NULL;
	int r = conf_load_from(path, &conf, err);

	sandbox_spec_take_vm(spec, first);
	spec->created = time(NULL);
	spec->systemd = systemd_is_command(&spec->args);
	return r == 0 ? settings_join(spec, first, &conf, err) : r;
}

int machine_choose(struct sandbox_spec *spec, struct err *err)
{
	_cleanup_conf_ struct conf conf = CONF_NULL;
	int r = conf_load(&conf, err);

	spec->executor = xstrdup(SANDBOX_EXECUTOR_BUNDLES);
	spec->rootfs_mode = xstrdup(SANDBOX_ROOTFS_MODE_DEFAULT);
	spec->supervisor_config = xstrdup("");
	if (r == 0)
		r = machine_begin(spec, &conf, err);
	spec->systemd &= !is_pods_own(spec);
	return r == 0 ? machine_end(spec, &conf, err) : r;
}
