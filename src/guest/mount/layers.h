/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/mount/mount.h"

/*
 * Root file systems that an overlay is put together of: mounts with a name as their target are made in
 * ABI_LAYERS_DIR, or, with "/" in it, at a folder in one that is there already, and the overlay names them there. In
 * a mount namespace of whoever has that root.
 */

/** layers_is_one() - is @m one of them, and not on the root itself? */
static inline bool layers_is_one(const Containerd__Types__Mount *m)
{
	return *m->target != '\0';
}

/**
 * layers_mount() - mount one of a root file system's, layer or not
 * @root: descriptor of the root; for a layer not looked at
 * @confined: as for mount_request(); layers may be named all the same
 * @ret_error: set on failure
 *
 * The overlay's upper and work folders are made where they are missing. Return: 0 or negative errno.
 */
int layers_mount(const Containerd__Types__Mount *m, int root, bool confined,
		 struct mount_error *ret_error);
