/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/spec.h"

/* OCI bundles: a folder with config.json and a root file system, as runc takes them. */

/**
 * bundle_load() - read a bundle, and fill in what @spec has of it
 * @spec: has its id
 * @ret_config: the config.json that goes to the guest
 *
 * Return: 0 or negative errno with a message.
 */
int bundle_load(const char *path, struct sandbox_spec *spec, char **ret_config, struct err *err);
