/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "image/ext4/impl.h"

/*
 * ifork.rst, "Extent Tree". An inode has room for a header and four extents. More of them are in
 * blocks, which the inode points to, through as many levels of blocks as it takes.
 */

#define IN_INODE 4u
#define IN_BLOCK ((EXT4_BLOCK - sizeof(struct ext3_extent_header)) / sizeof(struct ext3_extent))

/*
 * What @fs->extents has of a file with a tree: the tree's root, and behind that, as @at, how many
 * those are, and as @start and @n how many blocks the file and the tree have.
 */
#define AT_SUM IN_INODE

/* @depth: 0: @v are extents; else @v[].start are the blocks that say more */
static void fill(void *node, uint16_t room, uint16_t depth, const struct ext4_extent *v, uint32_t n)
{
	struct ext3_extent_header *header = node;
	struct ext3_extent *extents = (struct ext3_extent *)(header + 1);
	struct ext3_extent_idx *index = (struct ext3_extent_idx *)(header + 1);

	*header = (struct ext3_extent_header){.eh_magic = EXT3_EXT_MAGIC,
					      .eh_entries = (uint16_t)n,
					      .eh_max = room,
					      .eh_depth = depth};
	for (uint32_t i = 0; i < n; i++)
		if (depth == 0)
			extents[i] = (struct ext3_extent){.ee_block = v[i].at,
							  .ee_len = (uint16_t)v[i].n,
							  .ee_start = v[i].start};
		else
			index[i] = (struct ext3_extent_idx){.ei_block = v[i].at,
							    .ei_leaf = v[i].start};
}

/* Writes one level of blocks; @v becomes what points to them. Return: how many, or errno. */
static int64_t place_level(struct ext4 *fs, struct ext4_extent *v, uint32_t n, uint16_t depth)
{
	char block[EXT4_BLOCK];
	uint32_t blocks = 0;

	for (uint32_t i = 0; i < n; i += IN_BLOCK) {
		uint32_t at = v[i].at, start;
		int r;

		memset(block, 0, sizeof(block));
		fill(block, IN_BLOCK, depth, v + i, MIN(n - i, (uint32_t)IN_BLOCK));
		r = ext4_block_put(fs, block, &start);
		if (r < 0)
			return r;
		v[blocks++] = (struct ext4_extent){.at = at, .start = start};
	}
	return blocks;
}

int ext4_extents_place(struct ext4 *fs, uint32_t i)
{
	struct ext4_node *node = ext4_node(fs, i);
	struct ext4_extent *v = ext4_extents(fs, node);
	uint64_t blocks = 0;
	int64_t n = node->n_extents;
	uint16_t depth = 0;

	if (n <= IN_INODE)
		return 0;
	for (uint32_t j = 0; j < n; j++)
		blocks += v[j].n;
	for (; n > IN_INODE; depth++) {
		n = place_level(fs, v, (uint32_t)n, depth);
		if (n < 0)
			return (int)n;
		blocks += (uint64_t)n;
	}
	v[AT_SUM] = (struct ext4_extent){
		.at = (uint32_t)n, .start = (uint32_t)blocks, .n = (uint32_t)(blocks >> 32)};
	node->mark |= depth;
	return 0;
}

uint64_t ext4_extents_root(const struct ext4 *fs, struct ext4_node *node, void *i_block)
{
	const struct ext4_extent *v = ext4_extents(fs, node), *sum = &v[AT_SUM];
	uint64_t blocks = 0;

	if (node->n_extents > IN_INODE) {
		fill(i_block, IN_INODE, node->mark & EXT4_MARK_DEPTH, v, sum->at);
		return (uint64_t)sum->n << 32 | sum->start;
	}
	fill(i_block, IN_INODE, 0, v, node->n_extents);
	for (uint32_t i = 0; i < node->n_extents; i++)
		blocks += v[i].n;
	return blocks;
}
