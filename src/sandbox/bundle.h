/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/record.h"

/* OCI bundles: a folder with config.json and a root file system, as runc takes them. */

/**
 * struct bundle - the files that come out of one, and belong into the container's folder
 * @config: the config.json that goes to the guest
 * @hooks: for sandbox/hooks.h; NULL: there are none
 */
struct bundle {
	char *config, *hooks;
};

#define BUNDLE_NULL                           \
	{                                     \
		.config = NULL, .hooks = NULL \
	}

/**
 * bundle_load() - read a bundle, and fill in what @spec has of it
 * @systemd: its cgroupsPath is in the words of systemd: SLICE:PREFIX:NAME
 * @spec: has its id
 * @ret: end with bundle_done(), also after a failure
 *
 * Return: 0 or negative errno with a message.
 */
int bundle_load(const char *path, bool systemd, struct sandbox_spec *spec, struct bundle *ret,
		struct err *err);

/** bundle_keep() - write them there. Return: 0 or negative errno with a message. */
int bundle_keep(const struct bundle *bundle, const struct record *record, struct err *err);

/** bundle_done() - may be called again */
void bundle_done(struct bundle *bundle);
