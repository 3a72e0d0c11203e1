/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* This one first: the others use its types. */
#include <ext2fs/ext2_fs.h>

#include <ext2fs/ext2_ext_attr.h>
#include <ext2fs/ext3_extents.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "image/ext4/arena.h"
#include "image/ext4/ext4.h"
#include "image/ext4/out.h"
#include "image/ext4/space.h"

/*
 * Between the files of this folder. What is on the disk is described in the kernel's
 * Documentation/filesystems/ext4; comments name the file there. Structures are those of e2fsprogs.
 */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ext4 is little-endian");

#define EXT4_INODE_SIZE	 256u
#define EXT4_INODE_EXTRA 32u
#define EXT4_FIRST_INO	 11u /* before it: the root, and numbers that mean something else */
#define EXT4_LINKS_MAX	 65000u
#define EXT4_FAST_LINK	 60u /* shorter targets are in the inode */

/* struct ext4_extent - a run of blocks. @at: which of the file's blocks it begins with */
struct ext4_extent {
	uint32_t at, start, n;
};

/*
 * struct ext4_node - a file, folder and so on; what becomes an inode
 * @mark: of a folder, see ext4.h. Once placed: EXT4_MARK_…
 * @links: names; of a folder as Unix has it, 2 and one for each folder in it. 0: it is gone
 * @size: in bytes; of a folder 0 until placed
 * @mtime, @atime: as in the inode: the lower half is i_mtime, the upper i_mtime_extra
 * @xattrs: where they are in @fs->xattrs; 0: none
 * @n_extents: 0: none; 1: @extent; more: they begin at @extents in @fs->extents. With a tree,
 *	extent.c says what is there
 */
#define EXT4_MARK_DEPTH	 7u	 /* of the extent tree */
#define EXT4_MARK_LINEAR 0x8000u /* a folder without an index, although it has many blocks */
struct ext4_node {
	uint16_t mode, mark;
	uint32_t uid, gid, links;
	uint64_t size, mtime, atime;
	uint32_t ino, xattrs, n_extents;
	union {
		struct {
			uint32_t first, last, parent;
		} dir;
		struct ext4_extent extent;
		uint32_t extents;
		uint32_t rdev;
		uint32_t target;
	};
};

/*
 * struct ext4_entry - a name in a folder
 * @node: 0: it is removed; it stays where it is, in case the name comes again
 * @next: in the folder; @chain: with the same hash
 * @name: where it is in @fs->names
 * @listed: it is in the folder's list
 */
struct ext4_entry {
	uint32_t dir, node, next, chain, hash, name;
	uint16_t tag;
	uint8_t len;
	bool listed;
};

/*
 * struct ext4_data - the content that is being written
 * @at: bytes of it so far, holes included
 * @run, @left: blocks that the next ones come from
 */
struct ext4_data {
	uint32_t node;
	uint64_t at, size;
	uint32_t run, left;
	bool tail;
	struct ext4_extent *v;
	size_t n, room;
};

struct ext4 {
	struct ext4_out out;
	struct ext4_space space;
	struct ext4_arena nodes, entries, names, extents, xattrs;
	uint32_t *buckets;
	uint32_t n_buckets;
	uint64_t key[2];
	struct ext4_data data;
	uint32_t hash_seed[4];
	uint8_t uuid[16];
};

static inline struct ext4_node *ext4_node(const struct ext4 *fs, uint32_t i)
{
	return (struct ext4_node *)fs->nodes.p + i;
}

static inline struct ext4_entry *ext4_entry(const struct ext4 *fs, uint32_t i)
{
	return (struct ext4_entry *)fs->entries.p + i;
}

static inline const char *ext4_entry_name(const struct ext4 *fs, const struct ext4_entry *e)
{
	return fs->names.p + e->name;
}

/* The extents of what has been written. Valid until something is written. */
static inline struct ext4_extent *ext4_extents(const struct ext4 *fs, struct ext4_node *node)
{
	return node->n_extents <= 1 ? &node->extent
				    : (struct ext4_extent *)fs->extents.p + node->extents;
}

/* names.c */

/** ext4_names_done() - free what finds names */
void ext4_names_done(struct ext4 *fs);

/* data.c: content, of folders and symbolic links too */

/** ext4_data_begin() - content of @node comes, no more than @size bytes */
void ext4_data_begin(struct ext4 *fs, uint32_t node, uint64_t size);

/** ext4_data_put() - bytes at @offset, which never goes back. Return: 0 or negative errno. */
int ext4_data_put(struct ext4 *fs, const void *data, size_t len, uint64_t offset);

/** ext4_data_end() - it has @size bytes; gives the node its extents. Return: 0 or negative errno. */
int ext4_data_end(struct ext4 *fs, uint64_t size);

/** ext4_data_free() - gives the blocks of what is removed back */
void ext4_data_free(struct ext4 *fs, struct ext4_node *node);

/** ext4_block_put() - one block on its own. Return: 0 and its number, or negative errno. */
int ext4_block_put(struct ext4 *fs, const void *data, uint32_t *ret);

/* dir.c */

/** ext4_dir_place() - write a folder's blocks. All inodes have their numbers. Return: 0 or errno. */
int ext4_dir_place(struct ext4 *fs, uint32_t dir);

/* htree.c */

/** struct ext4_hashed - an entry and its hash */
struct ext4_hashed {
	uint32_t hash, minor, entry;
};

/** ext4_htree_place() - write one that needs an index. @v: its @n entries. Return: 0 or errno. */
int ext4_htree_place(struct ext4 *fs, uint32_t dir, struct ext4_hashed *v, uint32_t n);

/** ext4_dirent_len() - bytes that a name takes in a folder */
static inline uint32_t ext4_dirent_len(uint32_t name_len)
{
	return (8 + name_len + 3) & ~3u;
}

/**
 * struct ext4_dirblock - a block of a folder being filled
 * @at: bytes in it; @last: where the last entry is
 */
struct ext4_dirblock {
	uint32_t at, last;
	char data[EXT4_BLOCK];
};

/** ext4_dirblock_add() - one more entry, for which there is room */
void ext4_dirblock_add(struct ext4_dirblock *b, uint32_t ino, const char *name, uint8_t len,
		       mode_t mode);

/** ext4_dirblock_end() - the last entry goes up to the block's end */
void ext4_dirblock_end(struct ext4_dirblock *b);

/* extent.c */

/** ext4_extents_place() - write the blocks of an extent tree, if it needs any. Return: 0 or errno. */
int ext4_extents_place(struct ext4 *fs, uint32_t node);

/** ext4_extents_root() - what an inode has in its i_block. Return: blocks, those of the tree too. */
uint64_t ext4_extents_root(const struct ext4 *fs, struct ext4_node *node, void *i_block);

/* xattr.c */

/** ext4_xattrs_place() - write the block of what does not fit into the inode. Return: 0 or errno. */
int ext4_xattrs_place(struct ext4 *fs, uint32_t node);

/**
 * ext4_xattrs_inode() - those that do
 * @in_inode: what follows the inode's fields
 *
 * Return: the block of the others, or 0.
 */
uint32_t ext4_xattrs_inode(const struct ext4 *fs, const struct ext4_node *node, void *in_inode);

/* acl.c */

/**
 * ext4_acl() - from what setxattr(2) takes to what is on the disk
 * @out: room for @len bytes
 * @mode: gets what the ACL says about it; NULL for a default ACL
 *
 * Return: bytes, or -EINVAL.
 */
ssize_t ext4_acl(const void *value, size_t len, void *out, uint16_t *mode);

/* layout.c */

/**
 * struct ext4_layout - where the groups are
 * @blocks, @groups: of the file system
 * @used: groups that have something in them; in the others, all is where it is by default
 * @inodes: of a group
 * @bitmaps: block where the @used bitmaps of blocks begin, and then those of inodes
 * @tables: the same for tables of inodes
 * @end: no block from here on is used, but for what groups after @used have for themselves
 */
struct ext4_layout {
	uint32_t blocks, groups, used, inodes, end;
	uint32_t *block_bitmaps, *inode_bitmaps, *tables;
};

/**
 * ext4_layout_plan() - decide
 * @inodes: used ones
 *
 * Return: as ext4_finish().
 */
int ext4_layout_plan(const struct ext4 *fs, const struct ext4_finish *how, uint32_t inodes,
		     struct ext4_layout *ret, uint64_t *ret_needed);

/** ext4_layout_done() - free what is in it; may be called again */
void ext4_layout_done(struct ext4_layout *l);

/** ext4_layout_group() - how many blocks a group has */
uint32_t ext4_layout_group(const struct ext4_layout *l, uint32_t group);

/* groups.c */

/**
 * ext4_groups_write() - bitmaps, descriptors, superblocks
 * @first_free: inode
 * @dirs: how many folders each group has
 *
 * Return: 0 or negative errno.
 */
int ext4_groups_write(struct ext4 *fs, const struct ext4_layout *l, uint32_t first_free,
		      const uint16_t *dirs);

/* inode.c */

/** ext4_time() - as in struct ext4_node */
uint64_t ext4_time(struct timespec t);

/** ext4_inode_fill() - the inode of @node; 256 bytes that are zero */
void ext4_inode_fill(const struct ext4 *fs, uint32_t node, void *inode);
