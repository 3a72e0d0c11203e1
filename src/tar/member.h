/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/** TAR_BLOCK_SIZE - everything in a tar is a multiple of that */
#define TAR_BLOCK_SIZE 512

/*
 * What names of a layer mean (OCI image-spec 1.1, layer.md): that a file is gone, whose name follows, and
 * that nothing of the layers below shows in the folder.
 */
#define TAR_WHITEOUT ".wh."
#define TAR_OPAQUE   ".wh..wh..opq"

/** enum tar_type - what a member is; the values are those in the archive */
enum tar_type {
	TAR_FILE = '0',
	TAR_HARDLINK = '1',
	TAR_SYMLINK = '2',
	TAR_CHAR = '3',
	TAR_BLOCK = '4',
	TAR_FOLDER = '5',
	TAR_FIFO = '6',
};

/** tar_type_of() - of what stat(2) calls it. Return: false: there is no such member: a socket. */
bool tar_type_of(mode_t mode, enum tar_type *ret);

/**
 * struct tar_xattr - an extended attribute
 * @name: with its namespace, "user.…"; at most 255 bytes
 * @value: any bytes, as setxattr(2) takes them
 * @len: of @value
 */
struct tar_xattr {
	const char *name;
	const void *value;
	size_t len;
};

/**
 * struct tar_extent - a part of a sparse file that has content; bytes
 */
struct tar_extent {
	uint64_t offset, len;
};

/**
 * struct tar_member - one member of an archive, without its content
 * @path: any bytes but NUL; a folder's with or without "/" at its end
 * @link: of TAR_HARDLINK the path of an earlier member, of TAR_SYMLINK its content; else ignored
 * @type: what it is
 * @mode: permission bits with setuid, setgid and sticky: 07777
 * @uid, @gid: the owners
 * @size: of a TAR_FILE with its holes, in bytes; else ignored
 * @mtime: with nanoseconds, from 0 to 999999999; the seconds may be negative
 * @rdev_major, @rdev_minor: of TAR_CHAR and TAR_BLOCK; else ignored
 * @xattrs, @n_xattrs: they are written in this order
 * @sparse: a TAR_FILE: only @extents have content
 * @extents, @n_extents: in order, not overlapping, within @size; all but the last are a
 *	multiple of TAR_BLOCK_SIZE long, as file systems have them; none: it is one hole
 *
 * All pointers are the caller's.
 */
struct tar_member {
	const char *path, *link;
	enum tar_type type;
	uint32_t mode, uid, gid;
	uint64_t size;
	struct timespec mtime;
	uint32_t rdev_major, rdev_minor;
	const struct tar_xattr *xattrs;
	size_t n_xattrs;
	bool sparse;
	const struct tar_extent *extents;
	size_t n_extents;
};
