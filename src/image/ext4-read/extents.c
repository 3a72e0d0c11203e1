/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ext4-read/impl.h"

#include <errno.h>
#include <ext2fs/ext3_extents.h>

#include "base/mem.h"

/*
 * ifork.rst, "Extent Tree". Since all that comes is behind what came before, and no node is empty, no
 * node is seen twice.
 */

#define DEPTH_MAX 5
#define ROOT_ROOM sizeof(((struct ext2_inode_large *)0)->i_block)

static int walk(struct ext4r_mapper *m, const struct ext3_extent_header *header, size_t room,
		unsigned int depth);

static int damaged(struct ext4r_mapper *m)
{
	return err_set(m->err, -EBADMSG, "its extents are damaged");
}

static int leaf(struct ext4r_mapper *m, const struct ext3_extent *e)
{
	bool hole = e->ee_len > EXT_INIT_MAX_LEN;
	uint64_t start = e->ee_start | (uint64_t)e->ee_start_hi << 32;

	return ext4r_mapper_add(m, e->ee_block, start,
				hole ? e->ee_len - EXT_INIT_MAX_LEN : e->ee_len, hole);
}

static int node(struct ext4r_mapper *m, const struct ext3_extent_idx *e, unsigned int depth)
{
	_cleanup_free_ struct ext3_extent_header *header = xmalloc(m->fs->block);
	uint64_t block = e->ei_leaf | (uint64_t)e->ei_leaf_hi << 32;
	int r = ext4r_mapper_claim(m, block);

	if (r == 0)
		r = ext4r_read_block(m->fs, block, header, m->err);
	if (r < 0)
		return r;
	if (header->eh_magic != EXT3_EXT_MAGIC || header->eh_entries == 0 ||
	    sizeof(*header) + header->eh_max * sizeof(*e) > m->fs->block)
		return damaged(m);
	if (!ext2fs_extent_block_csum_verify(m->fs->fs, m->ino, header))
		return err_set(m->err, -EBADMSG, "the checksum of its extents is wrong");
	return walk(m, header, m->fs->block, depth);
}

static int walk(struct ext4r_mapper *m, const struct ext3_extent_header *header, size_t room,
		unsigned int depth)
{
	const struct ext3_extent *leaves = (const void *)(header + 1);
	const struct ext3_extent_idx *nodes = (const void *)(header + 1);
	int r = 0;

	if (header->eh_magic != EXT3_EXT_MAGIC || header->eh_depth != depth ||
	    header->eh_entries > (room - sizeof(*header)) / sizeof(*leaves))
		return damaged(m);
	for (unsigned int i = 0; i < header->eh_entries && r == 0; i++)
		r = depth == 0 ? leaf(m, &leaves[i]) : node(m, &nodes[i], depth - 1);
	return r;
}

int ext4r_map_extents(struct ext4r_mapper *m, const void *i_block)
{
	const struct ext3_extent_header *header = i_block;

	if (header->eh_depth > DEPTH_MAX)
		return damaged(m);
	return walk(m, header, ROOT_ROOM, header->eh_depth);
}
