/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/abi.h"
#include "mount.pb-c.h"
#include "sandbox/disk.h"
#include "sandbox/spec.h"

#define PROCESS_ROOT_MAX (4 + DISKS_MAX)

/* Inside of process.c and process-oci.c: what to ask the guest to mount. */

/**
 * struct process_root - what a root file system is made of
 * @mounts: for the request; they point into @parts
 * @disks: words of theirs
 */
struct process_root {
	Containerd__Types__Mount parts[PROCESS_ROOT_MAX], *mounts[PROCESS_ROOT_MAX];
	struct process_root_disk {
		char source[sizeof("serial:" ABI_DISK_SERIAL) + 8];
		char target[sizeof(ABI_DISK_LAYER) + 8];
	} disks[DISKS_MAX];
	size_t n;
};

/** process_root() - fill it, for as long as @root stays where it is */
void process_root(const struct sandbox_spec *spec, struct process_root *root);
