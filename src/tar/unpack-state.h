/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tar/read.h"
#include "tar/unpack.h"

/* Within this layer: the state that unpacking goes through. Nothing of it is allocated on the way. */

#define UNPACK_DEPTH_MAX (PATH_MAX / 2)

/**
 * struct unpack_folder - one that still gets its mode and times
 * @len: of its path, which is the beginning of unpacking.inside
 */
struct unpack_folder {
	size_t len;
	uint32_t mode, uid, gid;
	struct timespec mtime;
};

/**
 * struct unpacking - on the way through an archive
 * @path: of the member, without "." and empty components; "" is the destination itself
 * @name: its last component, within @path
 * @parent_path: the folder that @parent is; owned
 * @inside: where folders are that are not complete
 * @mask: bits that no mode gets
 */
struct unpacking {
	const struct tar_unpack *unpack;
	struct tar_trouble *trouble;
	bool owners;
	mode_t mask;
	char path[PATH_MAX], link[PATH_MAX], parent_path[PATH_MAX], inside[PATH_MAX];
	const char *name;
	int parent;
	unsigned int counter;
	size_t n_folders;
	struct unpack_folder folders[UNPACK_DEPTH_MAX];
	struct tar_reader reader;
};

/** unpacking_fail() - Return: @error */
static inline int unpacking_fail(struct unpacking *u, int error, const char *what)
{
	return tar_trouble_set(u->trouble, error, what, u->reader.path);
}

/** unpacking_exact() - does it matter that something could not be kept? */
static inline bool unpacking_exact(const struct unpacking *u)
{
	return u->unpack->flags & TAR_UNPACK_EXACT;
}

/** unpacking_mode() - of a file or folder that gets all it shall have */
static inline uint32_t unpacking_mode(const struct unpacking *u, uint32_t mode)
{
	return (u->owners ? mode : mode & 01777) & ~u->mask;
}

/** unpacking_xattrs() - give them to an open file. Return: 0 or negative errno. */
int unpacking_xattrs(struct unpacking *u, int fd);

/** unpacking_xattrs_at() - give them to u->name in u->parent. Return: 0 or negative errno. */
int unpacking_xattrs_at(struct unpacking *u);

/**
 * unpacking_owner() - of an open file, after which it has lost some other things
 *
 * Return: 0 or negative errno.
 */
int unpacking_owner(struct unpacking *u, int fd, uint32_t uid, uint32_t gid);

/** unpacking_file() - u->reader's file, as u->name in u->parent. Return: 0 or negative errno. */
int unpacking_file(struct unpacking *u);
