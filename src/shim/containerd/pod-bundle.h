/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/bundle.h"
#include "sandbox/pod-config.h"

/**
 * pod_bundle_load() - of a sandbox, as of what has a config.json
 * @path: containerd's folder for it
 * @config: NULL: nothing is known of it yet, and it is nowhere
 * @spec: has its id
 * @ret: end with bundle_done(), also after a failure
 *
 * Return: 0 or negative errno with a message.
 */
int pod_bundle_load(const char *path, const struct pod_config *config, struct sandbox_spec *spec,
		    struct bundle *ret, struct err *err);
