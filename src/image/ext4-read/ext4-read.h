/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "tar/member.h"

/*
 * Reads an ext4 file system out of a file that anybody may have made, without mounting it: what Linux
 * and mke2fs write, ext2 and ext3 too. Nothing in it is believed: numbers of blocks and inodes, lengths
 * and names are checked, and where it has checksums, those.
 *
 * Functions return 0 or a negative errno, with a message that says what is wrong with the thing at hand
 * ("its extents are out of order"), so that a caller can put its name in front. -EBADMSG: it is
 * damaged; -ENOTSUP: it has what is not known here; -EFBIG: a limit.
 */

#define EXT4R_ROOT	  2u
#define EXT4R_LINK_MAX	  4095u	       /* bytes of a symbolic link */
#define EXT4R_XATTR_MAX	  65536u       /* bytes of an attribute's value */
#define EXT4R_XATTRS_MAX  (256u << 10) /* bytes of all values of one file */
#define EXT4R_FOLDER_MAX  (512u << 20) /* bytes of a folder */
#define EXT4R_EXTENTS_MAX (4u << 20)   /* pieces of a file */

/** struct ext4r - an open file system */
struct ext4r;

/**
 * ext4r_open() - begin
 * @fd: a regular file or a block device, open for reading; stays the caller's, and open as long as @ret is used
 */
int ext4r_open(int fd, struct ext4r **ret, struct err *err);

/** ext4r_free() - accepts NULL */
void ext4r_free(struct ext4r *fs);

/** ext4r_used() - bytes of the blocks that are in use, if that is right */
uint64_t ext4r_used(const struct ext4r *fs);

/**
 * struct ext4r_inode - a file, folder and so on
 * @mode: with its type, one of the seven that there are
 * @links: names that it says it has; from 1
 * @size: in bytes
 * @rdev_major, @rdev_minor: of devices, else 0
 * @raw: the inode as it is on the disk
 */
struct ext4r_inode {
	uint32_t ino;
	mode_t mode;
	uint32_t uid, gid, links, flags;
	uint64_t size, xattr_block;
	struct timespec mtime;
	uint32_t rdev_major, rdev_minor;
	void *raw;
};

#define EXT4R_INODE_NULL    \
	{                   \
		.raw = NULL \
	}

/** ext4r_inode() - read one. @ret: EXT4R_INODE_NULL before, or one that is replaced */
int ext4r_inode(struct ext4r *fs, uint32_t ino, struct ext4r_inode *ret, struct err *err);

/** ext4r_inode_done() - free; may be called again */
void ext4r_inode_done(struct ext4r_inode *inode);
#define _cleanup_ext4r_inode_ __attribute__((cleanup(ext4r_inode_done)))

/**
 * struct ext4r_xattrs - extended attributes, as setxattr(2) takes them, ACLs too, by name
 * @v: names and values are owned
 * @bytes: of all values
 */
struct ext4r_xattrs {
	struct tar_xattr *v;
	size_t n, room, bytes;
};

#define EXT4R_XATTRS_NULL         \
	{                         \
		.v = NULL, .n = 0 \
	}

/** ext4r_xattrs() - all that something has. @ret: EXT4R_XATTRS_NULL before; free it, on failure too */
int ext4r_xattrs(struct ext4r *fs, const struct ext4r_inode *inode, struct ext4r_xattrs *ret,
		 struct err *err);

/** ext4r_xattrs_done() - free; may be called again */
void ext4r_xattrs_done(struct ext4r_xattrs *x);
#define _cleanup_ext4r_xattrs_ __attribute__((cleanup(ext4r_xattrs_done)))

/**
 * struct ext4r_content - where a file's bytes are
 * @v: its pieces, in order, within its size, none touching the next; between them are holes
 * @at: offset in the image, of each of them
 * @memory: instead of @at: they are in here, all of them in one piece
 */
struct ext4r_content {
	struct tar_extent *v;
	uint64_t *at;
	size_t n, room;
	char *memory;
};

#define EXT4R_CONTENT_NULL        \
	{                         \
		.v = NULL, .n = 0 \
	}

/**
 * ext4r_content() - find out. @ret: EXT4R_CONTENT_NULL before; free it, on failure too
 *
 * All that is asked for since ext4r_open() may have no more blocks together than the file system has
 * (-EBADMSG): each belongs to one file. So ask once for each.
 */
int ext4r_content(struct ext4r *fs, const struct ext4r_inode *inode, struct ext4r_content *ret,
		  struct err *err);

/** ext4r_content_done() - free; may be called again */
void ext4r_content_done(struct ext4r_content *c);
#define _cleanup_ext4r_content_ __attribute__((cleanup(ext4r_content_done)))

/** ext4r_read() - @len bytes from @skip on of piece @i, which has as many */
int ext4r_read(struct ext4r *fs, const struct ext4r_content *c, size_t i, uint64_t skip, void *buf,
	       size_t len, struct err *err);

/**
 * ext4r_slurp() - all of a small file, with a NUL behind it
 * @max: more bytes than this are -EFBIG
 * @ret: set on success; free() it
 */
int ext4r_slurp(struct ext4r *fs, const struct ext4r_inode *inode, size_t max, char **ret,
		struct err *err);

/** ext4r_target() - what a symbolic link says. @ret: set on success; free() it */
int ext4r_target(struct ext4r *fs, const struct ext4r_inode *inode, char **ret, struct err *err);

/** struct ext4r_name - a name in a folder. @at: where it is in the folder's @text */
struct ext4r_name {
	uint32_t ino, at;
};

/**
 * struct ext4r_folder - what is in a folder, by name, byte for byte; without "." and ".."
 */
struct ext4r_folder {
	struct ext4r_name *v;
	size_t n, room;
	char *text;
	size_t text_len, text_room;
};

#define EXT4R_FOLDER_NULL         \
	{                         \
		.v = NULL, .n = 0 \
	}

/**
 * ext4r_folder() - read one
 * @parent: number of the folder that it is in; the root is in itself
 * @ret: EXT4R_FOLDER_NULL before; free it, on failure too
 *
 * Each name is there once, has from 1 to 255 bytes without "/" and NUL, and a number that an inode of
 * a file can have.
 */
int ext4r_folder(struct ext4r *fs, const struct ext4r_inode *inode, uint32_t parent,
		 struct ext4r_folder *ret, struct err *err);

/** ext4r_folder_done() - free; may be called again */
void ext4r_folder_done(struct ext4r_folder *f);
#define _cleanup_ext4r_folder_ __attribute__((cleanup(ext4r_folder_done)))

/** ext4r_find() - the number that a name has in a folder, or 0 */
uint32_t ext4r_find(const struct ext4r_folder *f, const char *name);
