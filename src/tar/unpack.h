/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "tar/trouble.h"

/* What cannot be kept is an error: an owner, for want of privileges, or an extended attribute. */
#define TAR_UNPACK_EXACT 1u
/* Files are ours, even if we are root. */
#define TAR_UNPACK_OWN 2u
/* Our umask applies to modes. */
#define TAR_UNPACK_MASKED 4u
/* Files are as new as they are. */
#define TAR_UNPACK_NOW 8u

/**
 * struct tar_unpack - what to unpack, and where
 * @dir: everything comes below this folder
 * @only: the first component of all names; NULL: any
 * @flags: TAR_UNPACK_*
 * @get: some bytes of the archive, at least one. Return: how many, 0 at its end, or a negative errno
 * @userdata: for @get
 */
struct tar_unpack {
	int dir;
	const char *only;
	unsigned int flags;
	ssize_t (*get)(void *userdata, void *buf, size_t len);
	void *userdata;
};

/**
 * tar_unpack() - files of an archive that anybody may have made
 * @trouble: set when it fails
 *
 * Nothing outside of @dir is changed, nor linked to: names that are absolute, have ".." in them, or lead
 * through a symbolic link to the outside are refused (-EXDEV). A file replaces what is there, in one
 * step when it is complete; a folder is merged into one that is there. A folder is never replaced by
 * anything else (-EISDIR), nor anything else by a folder (-ENOTDIR). Missing folders are made.
 *
 * Modes and times are kept, if @flags say nothing else, and so are owners, if we are root, and extended attributes, where the file
 * system has them; but overlayfs' own are left out. Without owners, the bits that would lend their
 * rights are not kept. A folder gets what it shall have after everything in it.
 *
 * The archive is read up to its end-of-archive mark, and a little of what may follow. Calls fchdir(2)
 * and sets the umask.
 *
 * Return: 0 or negative errno, as tar_read_next() has them, and others.
 */
int tar_unpack(const struct tar_unpack *unpack, struct tar_trouble *trouble);
