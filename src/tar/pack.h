/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tar/trouble.h"

/* The tree is the upper folder of an overlay: make a layer of it (image-spec, layer.md). */
#define TAR_PACK_WHITEOUTS 1u
/* More comes after it: there is no end-of-archive mark. */
#define TAR_PACK_MORE 2u

/**
 * struct tar_pack - what to pack, and where to
 * @dir: the folder that it is in
 * @name: its name there, one component; "." is the folder itself. A symbolic link is not followed
 * @as: its name in the archive, instead of @name; may have several components
 * @flags: TAR_PACK_*
 * @skips: told of what cannot be opened or read, before anything of it was put. Return: go on without it? NULL: never
 * @put: takes the archive, in pieces of up to TAR_PACK_CHUNK. Return: 0 or a negative errno
 * @userdata: for @skips and @put
 */
struct tar_pack {
	int dir;
	const char *name, *as;
	unsigned int flags;
	bool (*skips)(void *userdata, const struct tar_trouble *trouble, int error);
	int (*put)(void *userdata, const void *data, size_t len);
	void *userdata;
};

#define TAR_PACK_CHUNK (256u << 10)

/**
 * tar_pack() - a file or a folder with all that is in it, as an archive
 * @trouble: set when it fails; nothing to say if it was @put that failed
 *
 * Folders of the kernel's own file systems, as /proc and /sys, are packed without what is in them, and
 * their files not at all: they are not as long as they say.
 *
 * Nothing outside of it is looked at, whatever somebody does to it meanwhile: symbolic links are taken
 * for what they are, and what vanishes while it is packed is left out. Sockets are left out as well.
 * Files with several names become one file and hard links, as long as they are no more than some ten
 * thousands; beyond that each name becomes a file of its own. Holes are kept, the first thousands of
 * them in a file. Paths are up to PATH_MAX.
 *
 * Calls fchdir(2), as there is no other way to the attributes of what cannot be opened.
 *
 * Return: 0, what @put said, or a negative errno: -ESTALE: a file became shorter while it was read;
 * -EILSEQ: a file of an upper folder has a name that means something else in a layer; -EMEDIUMTYPE: it
 * is a file of the kernel's own.
 */
int tar_pack(const struct tar_pack *pack, struct tar_trouble *trouble);
