/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include "image/ext4-read/ext4-read.h"

/*
 * Between the files of this folder. What is on the disk is described in the kernel's
 * Documentation/filesystems/ext4; comments name the file there.
 */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ext4 is little-endian");

/**
 * struct ext4r - @block: bytes of one; @blocks, @inodes: how many there are
 * @left: blocks that no file has been found to have
 */
struct ext4r {
	ext2_filsys fs;
	int fd;
	uint32_t block, inodes;
	uint64_t blocks, left;
};

/* open.c */

/** ext4r_read_block() - one block. Return: 0 or negative errno, with a message. */
int ext4r_read_block(const struct ext4r *fs, uint64_t block, void *buf, struct err *err);

/** ext4r_read_at() - bytes of the image. Return: as above. */
int ext4r_read_at(const struct ext4r *fs, uint64_t at, void *buf, size_t len, struct err *err);

/** ext4r_is_block() - may @n blocks from @block on be somebody's? */
bool ext4r_is_block(const struct ext4r *fs, uint64_t block, uint64_t n);

/* inode.c */

/** ext4r_inode_size() - bytes of an inode */
static inline uint32_t ext4r_inode_size(const struct ext4r *fs)
{
	return EXT2_INODE_SIZE(fs->fs->super);
}

/** ext4r_inode_any() - as ext4r_inode(), of what no name leads to */
int ext4r_inode_any(struct ext4r *fs, uint32_t ino, struct ext4r_inode *ret, struct err *err);

/* content.c */

/**
 * struct ext4r_mapper - the blocks of a file being found
 * @next: none of the file's that come now may be before this one
 * @end: those from here on are beyond its size
 * @left: how many there may be
 */
struct ext4r_mapper {
	struct ext4r *fs;
	uint32_t ino;
	uint64_t next, end, *left;
	struct ext4r_content *ret;
	struct err *err;
};

/**
 * ext4r_mapper_add() - @n blocks, from @start on
 * @at: of the file's
 * @hole: they have no content yet
 *
 * Return: 0 or negative errno, with a message.
 */
int ext4r_mapper_add(struct ext4r_mapper *m, uint64_t at, uint64_t start, uint64_t n, bool hole);

/** ext4r_mapper_claim() - a block that says where others are. Return: 0 or -EBADMSG. */
int ext4r_mapper_claim(struct ext4r_mapper *m, uint64_t block);

/** ext4r_map_extents() - extents.c. Return: as above. */
int ext4r_map_extents(struct ext4r_mapper *m, const void *i_block);

/** ext4r_map_blocks() - blockmap.c. Return: as above. */
int ext4r_map_blocks(struct ext4r_mapper *m, const uint32_t *i_block);

/** ext4r_content_of() - ext4r_content() with blocks that @left counts */
int ext4r_content_of(struct ext4r *fs, const struct ext4r_inode *inode, uint64_t *left,
		     struct ext4r_content *ret, struct err *err);

/** ext4r_slurp_of() - ext4r_slurp(), the same way */
int ext4r_slurp_of(struct ext4r *fs, const struct ext4r_inode *inode, uint64_t *left, size_t max,
		   char **ret, struct err *err);

/* xattr.c */

/**
 * ext4r_inline_rest() - what of inline data is behind i_block
 * @ret: free() it; NULL if there is nothing
 *
 * Return: 0 or negative errno, with a message.
 */
int ext4r_inline_rest(struct ext4r *fs, const struct ext4r_inode *inode, char **ret,
		      size_t *ret_len, struct err *err);

/* acl.c */

/**
 * ext4r_acl() - from what is on the disk to what setxattr(2) takes
 * @ret: set on success; free() it
 *
 * Return: 0; -EBADMSG, without a message.
 */
int ext4r_acl(const void *value, size_t len, char **ret, size_t *ret_len);
