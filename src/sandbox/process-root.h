/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/abi.h"
#include "mount.pb-c.h"
#include "sandbox/container.h"
#include "sandbox/disk.h"
#include "sandbox/share.h"

#define PROCESS_ROOT_MAX (5 + DISKS_MAX + SHARE_ALONE_MAX)

/* Inside of process.c and process-oci.c: what to ask the guest to mount. */

/**
 * struct process_root - what a root file system is made of
 * @mounts: for the request; they point into @parts
 * @disks, @port, @folder, @shares: words of theirs
 */
struct process_root {
	Containerd__Types__Mount parts[PROCESS_ROOT_MAX], *mounts[PROCESS_ROOT_MAX];
	struct process_root_disk {
		char source[sizeof("serial:" ABI_DISK_SERIAL) + 8];
		char target[sizeof(ABI_DISK_LAYER) + 8];
	} disks[DISKS_MAX];
	char port[sizeof(ABI_SHARE_9P) + 16];
	char folder[sizeof(ABI_SHARE_DIR "/" SHARE_IN_ROOTFS) + SHARE_PART_MAX];
	struct process_root_share {
		char target[sizeof(ABI_SHARE_LAYER "/" SHARE_IN_VOLUMES "/") + 8];
		char name[sizeof("aname=" SHARE_IN_VOLUMES "/") + 8];
		const char *options[4];
	} shares[2 + SHARE_ALONE_MAX];
	size_t n, n_shares;
};

/** process_root_whole() - the one mount of all that the host shares, of which containers that come later bind their parts */
void process_root_whole(const struct container *first, struct process_root *root);

/** process_root() - fill it, for as long as @root stays where it is */
void process_root(const struct container *container, struct process_root *root);
