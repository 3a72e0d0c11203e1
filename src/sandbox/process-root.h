/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "mount.pb-c.h"
#include "sandbox/spec.h"

/* Inside of process.c and process-oci.c: what to ask the guest to mount. */

/**
 * struct process_root - what a root file system is made of
 * @mounts: for the request; they point into @parts
 */
struct process_root {
	Containerd__Types__Mount parts[4], *mounts[4];
	size_t n;
};

/** process_root() - fill it, for as long as @root stays where it is */
void process_root(const struct sandbox_spec *spec, struct process_root *root);
