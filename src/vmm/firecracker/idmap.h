/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/stat.h>

#include "vmm/vmm.h"

/**
 * idmap_mount() - let a jail's user use a file, or a folder, by a mount of it, as its owner could
 * @tree: a detached mount of it (open_tree(2))
 * @st: of it
 * @readonly: nobody writes to it there
 *
 * Neither its owner nor its mode changes: the mount alone is another's (mount_setattr(2), MOUNT_ATTR_IDMAP, of
 * Linux 5.12 and later, on file systems that have it). That is left out where the user can do all it needs without.
 *
 * Return: 0 or negative errno: -EINVAL: its file system has no such mounts.
 */
int idmap_mount(int tree, const struct stat *st, const struct vmm_jail *jail, bool readonly);
