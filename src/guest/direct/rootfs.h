/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/direct/setup.h"

/*
 * Steps of setup.c: the file system that a container sees.
 *
 * A root that came from an initramfs cannot be pivoted: it is the one mount that has no parent
 * (pivot_root(2), "NOTES"). So the container's root is assembled at setup.root_dir, moved over "/"
 * of the new mount namespace, and made the process' root. What a process reaches by ".." ends at
 * the root of that mount, since it is the topmost on the namespace's root; chroot(2) inside does
 * not change that. Below it is the initramfs, with what was mounted for containers of another kind
 * (guest/mount/root.h) if this VM ever had any; only a container with CAP_SYS_ADMIN could take the cover
 * away, and one that has it owns its VM anyway. Everything else is mounted from within, where
 * symbolic links of the image lead nowhere else.
 */

/** rootfs_mount() - the mounts of the request, one over the other */
int rootfs_mount(struct setup *setup);

/** rootfs_enter() - make that the root */
int rootfs_enter(struct setup *setup);

/** rootfs_furnish() - /proc, /dev, /sys with devices, masked and read-only paths, as Docker does */
int rootfs_furnish(struct setup *setup);

/** rootfs_protect() - if the container wants its root read-only */
int rootfs_protect(struct setup *setup);
