/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/parse.h"
#include "image/text.h"
#include "oci/oci-limits.h"
#include "vmm/vmm.h"

#define MIB (UINT64_C(1) << 20)
/* Microseconds, the kernel's. */
#define MACHINE_PERIOD_DEFAULT 100000

static int set_memory(struct sandbox_spec *spec, const char *name, const char *value,
		      struct err *err)
{
	if (parse_size(value, &spec->memory) < 0 || spec->memory < SANDBOX_MEMORY_MIN ||
	    spec->memory > VMM_MEMORY_MAX)
		return err_set(err, -EINVAL, "%s of '%s' is no size from %lluM to %lluM", name,
			       text_of(value), (unsigned long long)(SANDBOX_MEMORY_MIN / MIB),
			       (unsigned long long)(VMM_MEMORY_MAX / MIB));
	spec->memory &= ~(MIB - 1);
	return 0;
}

static int set_cpus(struct sandbox_spec *spec, const char *name, const char *value, struct err *err)
{
	if (parse_u32(value, 1, VMM_CPUS_MAX, &spec->cpus) < 0)
		return err_set(err, -EINVAL, "%s of '%s' is no number from 1 to %d", name,
			       text_of(value), VMM_CPUS_MAX);
	return 0;
}

static int set_hypervisor(struct sandbox_spec *spec, const char *name, const char *value,
			  struct err *err)
{
	if (!vmm_driver(value))
		return err_set(err, -EINVAL, "%s of '%s' is not one of " VMM_HYPERVISORS, name,
			       text_of(value));
	free(spec->hypervisor);
	spec->hypervisor = xstrdup(value);
	return 0;
}

static int set_kernel(struct sandbox_spec *spec, const char *name, const char *value,
		      struct err *err)
{
	if (strchr(value, '/'))
		return err_set(err, -EPERM,
			       "%s of '%s' is a path, and an image may have set it: a name of "
			       "`caisson kernel list` would do",
			       name, text_of(value));
	free(spec->kernel);
	spec->kernel = xstrdup(value);
	return 0;
}

static const struct {
	const char *name;
	int (*set)(struct sandbox_spec *spec, const char *name, const char *value, struct err *err);
} settings[] = {
	{"RUNCVM_MEM_SIZE", set_memory},
	{"RUNCVM_CPUS", set_cpus},
	{"RUNCVM_HYPERVISOR", set_hypervisor},
	{"RUNCVM_KERNEL", set_kernel},
};

/* What the kernel and vminitd take of it is not the container's. */
static void fit_memory(struct sandbox_spec *spec, const struct oci_limits *limits)
{
	uint64_t wanted;

	if (limits->memory <= 0)
		return;
	wanted = MIN((uint64_t)limits->memory, VMM_MEMORY_MAX - MACHINE_GUEST_MEMORY);
	wanted = (wanted + MACHINE_GUEST_MEMORY + MIB - 1) & ~(MIB - 1);
	spec->memory = MAX(wanted, SANDBOX_MEMORY_MIN);
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

static void fit_cpus(struct sandbox_spec *spec, const struct oci_limits *limits)
{
	int64_t period = limits->period > 0 ? limits->period : MACHINE_PERIOD_DEFAULT;
	int64_t by_time = limits->quota > 0 ? (limits->quota - 1) / period + 1 : 0;
	int64_t by_set = count_cpus(limits->cpus), n = by_time ? by_time : by_set;

	if (by_time && by_set)
		n = MIN(by_time, by_set);
	if (n > 0)
		spec->cpus = (uint32_t)MIN(n, VMM_CPUS_MAX);
}

static int fit(struct sandbox_spec *spec, struct err *err)
{
	struct oci_limits limits;
	int r;

	spec->memory = SANDBOX_MEMORY_DEFAULT;
	spec->cpus = 1;
	if (!spec->resources)
		return 0;
	r = oci_limits_parse_known(spec->resources, strlen(spec->resources), &limits, err);
	if (r < 0)
		return r;
	fit_memory(spec, &limits);
	fit_cpus(spec, &limits);
	return 0;
}

int machine_choose(struct sandbox_spec *spec, struct err *err)
{
	int r = fit(spec, err);

	spec->executor = xstrdup(SANDBOX_EXECUTOR_BUNDLES);
	spec->rootfs_mode = xstrdup(SANDBOX_ROOTFS_MODE_DEFAULT);
	spec->hypervisor = xstrdup(VMM_HYPERVISOR_DEFAULT);
	spec->accel = xstrdup(VMM_ACCEL_DEFAULT);
	spec->kernel = xstrdup("");
	spec->supervisor_config = xstrdup("");
	spec->created = time(NULL);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(settings); i++) {
		const char *value = strv_env_get(&spec->env, settings[i].name);

		if (value && *value)
			r = settings[i].set(spec, settings[i].name, value, err);
	}
	return r;
}
