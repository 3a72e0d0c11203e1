/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/machine.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/parse.h"
#include "image/text.h"
#include "vmm/vmm.h"

#define MIB (UINT64_C(1) << 20)

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

int machine_choose(struct sandbox_spec *spec, struct err *err)
{
	int r = 0;

	spec->executor = xstrdup(SANDBOX_EXECUTOR_BUNDLES);
	spec->rootfs_mode = xstrdup(SANDBOX_ROOTFS_MODE_DEFAULT);
	spec->hypervisor = xstrdup(VMM_HYPERVISOR_DEFAULT);
	spec->accel = xstrdup(VMM_ACCEL_DEFAULT);
	spec->kernel = xstrdup("");
	spec->supervisor_config = xstrdup("");
	spec->memory = SANDBOX_MEMORY_DEFAULT;
	spec->cpus = 1;
	spec->created = time(NULL);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(settings); i++) {
		const char *value = strv_env_get(&spec->env, settings[i].name);

		if (value && *value)
			r = settings[i].set(spec, settings[i].name, value, err);
	}
	return r;
}
