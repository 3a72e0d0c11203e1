/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "image/ext4/impl.h"

/*
 * blockgroup.rst, "Flexible Block Groups". When all content is written, what describes it follows:
 * the bitmaps of all groups that have something in them, then their tables of inodes. Groups beyond
 * that, which exist when more room is asked for, have theirs at their beginning, where Linux looks
 * for them unless told otherwise; nothing is written there (BLOCK_UNINIT, INODE_UNINIT).
 */

#define INODES_MAX  32768u /* of a group: the bits of a block */
#define INODES_MIN  2048u  /* so that a file system that is made larger later has some */
#define INODES_MORE 8192u  /* where there is room for files: one for 16 KiB, as mke2fs does */
#define IN_BLOCK    (EXT4_BLOCK / EXT4_INODE_SIZE)
/* A last group with fewer blocks, beyond what it has for itself, would be of no use. */
#define GROUP_MIN 64u

void ext4_layout_done(struct ext4_layout *l)
{
	free(l->block_bitmaps);
	free(l->inode_bitmaps);
	free(l->tables);
	*l = (struct ext4_layout){.blocks = 0};
}

uint32_t ext4_layout_group(const struct ext4_layout *l, uint32_t group)
{
	return MIN(EXT4_GROUP, l->blocks - group * EXT4_GROUP);
}

static uint32_t *places(uint32_t n)
{
	return xcalloc(n, sizeof(uint32_t));
}

/* Runs of @n blocks for each of the @used groups. Return: false: there is no room. */
static bool place(struct ext4_layout *l, uint32_t *at, uint32_t n)
{
	for (uint32_t i = 0; i < l->used; i++) {
		at[i] = ext4_space_fit(l->end, n);
		if (!at[i])
			return false;
		l->end = at[i] + n;
	}
	return true;
}

/* Return: false: @l->used groups do not do. */
static bool try(const struct ext4 *fs, struct ext4_layout *l, uint32_t inodes, uint32_t inodes_min)
{
	uint32_t each = MAX((inodes + l->used - 1) / l->used, inodes_min);

	if (each > INODES_MAX)
		return false;
	l->inodes = (each + IN_BLOCK - 1) / IN_BLOCK * IN_BLOCK;
	l->end = fs->space.next;
	l->block_bitmaps = places(l->used);
	l->inode_bitmaps = places(l->used);
	l->tables = places(l->used);
	if (place(l, l->block_bitmaps, 1) && place(l, l->inode_bitmaps, 1) &&
	    place(l, l->tables, l->inodes / IN_BLOCK) && l->end <= (uint64_t)l->used * EXT4_GROUP)
		return true;
	ext4_layout_done(l);
	return false;
}

/* What a group that nothing is in yet has for itself. */
static uint32_t own_blocks(const struct ext4_layout *l, uint32_t group)
{
	return ext4_space_fixed(group) + 2 + l->inodes / IN_BLOCK;
}

static int set_blocks(struct ext4_layout *l, const struct ext4_finish *how, uint64_t *ret_needed)
{
	uint64_t needed = MAX((uint64_t)l->end, (uint64_t)(l->used - 1) * EXT4_GROUP + GROUP_MIN);
	uint64_t blocks = needed + (how->extra + EXT4_BLOCK - 1) / EXT4_BLOCK;
	uint32_t last;

	if (how->size)
		blocks = how->size / EXT4_BLOCK;
	*ret_needed = needed * EXT4_BLOCK;
	if (blocks < needed)
		return -EMSGSIZE;
	if (how->extra / EXT4_BLOCK >= EXT4_BLOCKS_MAX || blocks >= EXT4_BLOCKS_MAX)
		return -EFBIG;
	last = (uint32_t)(blocks / EXT4_GROUP);
	if (last >= l->used && blocks % EXT4_GROUP < own_blocks(l, last) + GROUP_MIN)
		blocks -= blocks % EXT4_GROUP;
	l->blocks = (uint32_t)blocks;
	l->groups = (uint32_t)((blocks + EXT4_GROUP - 1) / EXT4_GROUP);
	return 0;
}

static int plan(const struct ext4 *fs, const struct ext4_finish *how, uint32_t inodes,
		uint32_t inodes_min, struct ext4_layout *ret, uint64_t *ret_needed)
{
	struct ext4_layout l = {.used = fs->space.next / EXT4_GROUP + 1};
	int r;

	while (!try(fs, &l, inodes, inodes_min))
		if (++l.used > EXT4_BLOCKS_MAX / EXT4_GROUP)
			return -EFBIG;
	r = set_blocks(&l, how, ret_needed);
	if (r < 0)
		ext4_layout_done(&l);
	else
		*ret = l;
	return r;
}

int ext4_layout_plan(const struct ext4 *fs, const struct ext4_finish *how, uint32_t inodes,
		     struct ext4_layout *ret, uint64_t *ret_needed)
{
	/* Where it is tight, none are left over. */
	const uint32_t spare[] = {INODES_MORE, INODES_MIN, 0};
	int r = -EMSGSIZE;

	for (size_t i = how->size || how->extra ? 0 : 1; r == -EMSGSIZE && i < ARRAY_SIZE(spare);
	     i++)
		r = plan(fs, how, inodes, spare[i], ret, ret_needed);
	return r;
}
