/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

/*
 * What overlayfs writes into its upper folder (Documentation/filesystems/overlayfs.rst): whatever a
 * container made or changed, as it is; for what it took away, whiteouts, which are character
 * devices 0/0; and xattrs of its own.
 */

#define OVERLAY_XATTR_PREFIX	  "trusted.overlay."
#define OVERLAY_USER_XATTR_PREFIX "user.overlay."
#define OVERLAY_XATTR_OPAQUE	  OVERLAY_XATTR_PREFIX "opaque"

/** overlay_is_whiteout() - does it say that a name of the lower folder is gone? */
static inline bool overlay_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/**
 * overlay_is_opaque() - does nothing of the lower folder show in this one?
 * @fd: a folder, open for reading
 */
bool overlay_is_opaque(int fd);

/** overlay_xattr_is_private() - is it overlayfs' own, and no matter of the file's? */
bool overlay_xattr_is_private(const char *name);
