/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/pod-bundle.h"

#include "base/mem.h"

static int load(const char *path, const struct pod_config *config, struct sandbox_spec *spec,
		struct bundle *ret, struct err *err)
{
	static const struct oci_group first = {.n = 0};
	int r = bundle_load_text(path, config->json, BUNDLE_CGROUPS_EITHER, &first, spec, ret, err);

	if (r == 0)
		r = bundle_choose_machine(ret, spec, err);
	free(spec->shm);
	spec->shm = xstrdup(SANDBOX_SHM_OWN);
	return r;
}

static int load_unknown(const char *path, struct sandbox_spec *spec, struct bundle *ret,
			struct err *err)
{
	struct pod_config config;
	int r = pod_config_make(spec->id, NULL, &config, err);

	if (r == 0)
		r = load(path, &config, spec, ret, err);
	pod_config_done(&config);
	free(spec->netns);
	spec->netns = xstrdup("");
	strv_done(&spec->cgroups);
	return r;
}

int pod_bundle_load(const char *path, const struct pod_config *config, struct sandbox_spec *spec,
		    struct bundle *ret, struct err *err)
{
	return config ? load(path, config, spec, ret, err) : load_unknown(path, spec, ret, err);
}
