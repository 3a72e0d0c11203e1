/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/snapshot-check.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "sandbox/annotation.h"
#include "sandbox/volume.h"
#include "vmm/vmm.h"

/* What is in the guest's memory goes with it. */
static bool has_volumes(const struct sandbox_spec *spec)
{
	for (size_t i = 0; i < spec->volumes.n; i++)
		if (volume_of(spec->volumes.v[i]).kind != VOLUME_TMPFS)
			return true;
	return false;
}

static bool has_network(const struct sandbox_spec *spec)
{
	return *spec->netns || strcmp(spec->network, SANDBOX_NETWORK_NONE) != 0;
}

static bool has_supervisor(const struct sandbox_spec *spec)
{
	return *spec->supervisor_config || strv_env_get(&spec->annotations, ANNOTATION_EXTRAS);
}

static bool saves_nothing(const struct sandbox_spec *spec)
{
	const struct vmm_ops *driver = vmm_driver(spec->hypervisor);

	return !driver || !vmm_traits(driver)->snapshots;
}

int snapshot_check_spec(const struct sandbox_spec *spec, struct err *err)
{
	const struct {
		bool wrong;
		const char *why;
	} rules[] = {
		{sandbox_spec_has_bundle(spec),
		 "it is run by crun, or of a bundle: only one of `caisson run IMAGE` can"},
		{saves_nothing(spec), "its VM is QEMU's: run it with --hypervisor firecracker"},
		{!sandbox_spec_has_disks(spec),
		 "its root file system is a folder of the host's: run it with --rootfs-mode image"},
		{has_volumes(spec), "it has volumes of the host's"},
		{has_network(spec), "it has a network"},
		{has_supervisor(spec), "it has a supervisor, or files beside its image"},
		{spec->terminal, "it has a terminal, whose other end cannot be saved"},
		{spec->memory_huge, "its memory is made of huge pages"},
		{spec->placeholders + spec->placeholders_ro > 0,
		 "it has placeholders, for disks of the host's"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].wrong)
			return err_set(err, -ENOTSUP, "container %s cannot be saved: %s", spec->id,
				       rules[i].why);
	return 0;
}
