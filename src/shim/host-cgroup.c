/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/host-cgroup.h"

#include <string.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "oci/resources.h"

int host_cgroup_limit(const struct sandbox_spec *spec, const struct oci_limits *limits,
		      struct err *err)
{
	struct oci_settings settings = {.n = 0};
	int r;

	if (spec->cgroups.n == 0)
		return 0;
	r = oci_resources_host(limits, spec->memory, cgroup_is_v2(&spec->cgroups), &settings, err);
	for (size_t i = 0; r == 0 && i < settings.n; i++)
		r = cgroup_set(&spec->cgroups, settings.list[i].file, settings.list[i].value, err);
	return r;
}

int host_cgroup_enter(const struct sandbox_spec *spec, struct err *err)
{
	const char *said = *spec->resources ? spec->resources : "{}";
	struct oci_limits limits;
	int r = oci_limits_parse_known(said, strlen(said), &limits, err);

	if (r == 0)
		r = cgroup_make(&spec->cgroups, err);
	if (r < 0)
		return r;
	r = host_cgroup_limit(spec, &limits, err);
	if (r == 0)
		r = cgroup_join(&spec->cgroups, err);
	if (r < 0) {
		(void)cgroup_leave(&spec->cgroups, getpid());
		(void)cgroup_remove(&spec->cgroups, 0);
	}
	return r;
}
