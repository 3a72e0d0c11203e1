/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/ext4/impl.h"

/* group_descr.rst, bitmaps.rst, super.rst, special_inodes.rst. */

#define SUPERBLOCK_OFFSET 1024u

struct groups {
	struct ext4 *fs;
	const struct ext4_layout *l;
	uint32_t first_free; /* inode */
	const uint16_t *dirs;
	struct ext4_run *free; /* of what was used once, by their place */
	size_t n_free, next_free;
	uint64_t free_blocks;
	struct ext2_group_desc *descs;
};

static void set_bits(uint8_t *bitmap, uint32_t from, uint32_t to)
{
	for (; from < to && from % 8; from++)
		bitmap[from / 8] |= (uint8_t)(1 << from % 8);
	if (to - from >= 8) {
		memset(bitmap + from / 8, 0xff, (to - from) / 8);
		from += (to - from) / 8 * 8;
	}
	for (; from < to; from++)
		bitmap[from / 8] |= (uint8_t)(1 << from % 8);
}

static void clear_bits(uint8_t *bitmap, uint32_t from, uint32_t to)
{
	for (; from < to; from++)
		bitmap[from / 8] &= (uint8_t) ~(1 << from % 8);
}

static uint32_t count_clear(const uint8_t *bitmap, uint32_t n)
{
	uint32_t clear = 0;

	for (uint32_t i = 0; i < n; i++)
		clear += !(bitmap[i / 8] >> i % 8 & 1);
	return clear;
}

static int compare(const void *pa, const void *pb)
{
	const struct ext4_run *a = pa, *b = pb;

	return a->start < b->start ? -1 : a->start > b->start;
}

static void collect_free(struct groups *g)
{
	const struct ext4_space *s = &g->fs->space;

	for (size_t i = 0; i < ARRAY_SIZE(s->freed); i++)
		g->n_free += s->freed[i].n;
	g->free = xcalloc(g->n_free, sizeof(*g->free));
	g->n_free = 0;
	for (size_t i = 0; i < ARRAY_SIZE(s->freed); i++) {
		if (s->freed[i].n > 0)
			memcpy(g->free + g->n_free, s->freed[i].v,
			       s->freed[i].n * sizeof(*g->free));
		g->n_free += s->freed[i].n;
	}
	qsort(g->free, g->n_free, sizeof(*g->free), compare);
}

/* What was written there once is of no use to anybody. */
static int punch_free(struct groups *g)
{
	int r = 0;

	for (size_t i = 0; i < g->n_free && r == 0;) {
		uint64_t start = g->free[i].start, end = start;

		for (; i < g->n_free && g->free[i].start == end; i++)
			end += g->free[i].n;
		r = ext4_out_punch(&g->fs->out, start * EXT4_BLOCK, (end - start) * EXT4_BLOCK);
	}
	return r;
}

/* The bits of @n blocks from @start on that are in the group. */
static void mark(uint8_t *bitmap, uint32_t group, uint64_t start, uint64_t n,
		 void (*how)(uint8_t *bitmap, uint32_t from, uint32_t to))
{
	uint64_t first = (uint64_t)group * EXT4_GROUP, end = first + EXT4_GROUP;
	uint64_t from = MAX(start, first), to = MIN(start + n, end);

	if (from < to)
		how(bitmap, (uint32_t)(from - first), (uint32_t)(to - first));
}

static void mark_freed(struct groups *g, uint32_t group, uint8_t *bitmap)
{
	uint64_t end = (uint64_t)(group + 1) * EXT4_GROUP;

	for (size_t i = g->next_free; i < g->n_free && g->free[i].start < end; i++) {
		mark(bitmap, group, g->free[i].start, g->free[i].n, clear_bits);
		if ((uint64_t)g->free[i].start + g->free[i].n <= end)
			g->next_free = i + 1;
	}
}

static void mark_tables(const struct groups *g, uint32_t group, uint8_t *bitmap)
{
	const struct ext4_layout *l = g->l;

	for (uint32_t i = 0; i < l->used; i++) {
		mark(bitmap, group, l->block_bitmaps[i], 1, set_bits);
		mark(bitmap, group, l->inode_bitmaps[i], 1, set_bits);
		mark(bitmap, group, l->tables[i], l->inodes * EXT4_INODE_SIZE / EXT4_BLOCK,
		     set_bits);
	}
}

/* Everything before the end of content is in use, but for what was freed. */
static int write_block_bitmap(struct groups *g, uint32_t group, struct ext2_group_desc *d,
			      uint32_t own)
{
	uint8_t bitmap[EXT4_BLOCK] = {0};
	uint32_t n = ext4_layout_group(g->l, group);

	mark(bitmap, group, 0, g->fs->space.next, set_bits);
	mark_freed(g, group, bitmap);
	mark_tables(g, group, bitmap);
	set_bits(bitmap, 0, own);
	d->bg_free_blocks_count = (uint16_t)count_clear(bitmap, n);
	set_bits(bitmap, n, EXT4_GROUP);
	return ext4_out_put(&g->fs->out, (uint64_t)d->bg_block_bitmap * EXT4_BLOCK, bitmap,
			    sizeof(bitmap));
}

static int write_inode_bitmap(struct groups *g, const struct ext2_group_desc *d)
{
	uint8_t bitmap[EXT4_BLOCK] = {0};
	uint32_t n = g->l->inodes;

	set_bits(bitmap, 0, n - d->bg_free_inodes_count);
	set_bits(bitmap, n, EXT4_GROUP);
	return ext4_out_put(&g->fs->out, (uint64_t)d->bg_inode_bitmap * EXT4_BLOCK, bitmap,
			    sizeof(bitmap));
}

/* crc16.c of the kernel: x^16 + x^15 + x^2 + 1, lowest bit first. */
static uint16_t crc16(uint16_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len-- > 0) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
	}
	return crc;
}

static uint16_t checksum(const struct ext4 *fs, uint32_t group, const struct ext2_group_desc *d)
{
	uint16_t crc = crc16(0xffff, fs->uuid, sizeof(fs->uuid));

	crc = crc16(crc, &group, sizeof(group));
	return crc16(crc, d, offsetof(struct ext2_group_desc, bg_checksum));
}

static uint32_t used_inodes(const struct groups *g, uint32_t group)
{
	uint64_t first = (uint64_t)group * g->l->inodes, used = g->first_free - 1;

	return used <= first ? 0 : (uint32_t)MIN(used - first, (uint64_t)g->l->inodes);
}

/* A group that has all at its beginning. */
static void place_here(const struct groups *g, uint32_t group, struct ext2_group_desc *d)
{
	uint32_t at = group * EXT4_GROUP + ext4_space_fixed(group);

	d->bg_block_bitmap = at;
	d->bg_inode_bitmap = at + 1;
	d->bg_inode_table = at + 2;
}

static int write_group(struct groups *g, uint32_t group)
{
	struct ext2_group_desc *d = &g->descs[group % EXT4_META_GROUPS];
	uint32_t own = ext4_space_fixed(group), inodes = used_inodes(g, group);
	bool used = group < g->l->used;
	int r = 0;

	if (used) {
		d->bg_block_bitmap = g->l->block_bitmaps[group];
		d->bg_inode_bitmap = g->l->inode_bitmaps[group];
		d->bg_inode_table = g->l->tables[group];
		d->bg_used_dirs_count = g->dirs[group];
	} else {
		place_here(g, group, d);
		own += 2 + g->l->inodes * EXT4_INODE_SIZE / EXT4_BLOCK;
	}
	d->bg_flags = EXT2_BG_INODE_ZEROED;
	d->bg_free_inodes_count = d->bg_itable_unused = (uint16_t)(g->l->inodes - inodes);
	d->bg_free_blocks_count = (uint16_t)(ext4_layout_group(g->l, group) - own);
	/* Of the last one, whose size is its own, somebody might get it wrong. */
	if (used || group == g->l->groups - 1)
		r = write_block_bitmap(g, group, d, own);
	else
		d->bg_flags |= EXT2_BG_BLOCK_UNINIT;
	if (inodes == 0)
		d->bg_flags |= EXT2_BG_INODE_UNINIT;
	else if (r == 0)
		r = write_inode_bitmap(g, d);
	d->bg_checksum = checksum(g->fs, group, d);
	g->free_blocks += d->bg_free_blocks_count;
	return r;
}

/* The descriptors of 128 groups, and their copies. @last: the last of those there are */
static int write_descs(struct groups *g, uint32_t last)
{
	uint32_t first = last - last % EXT4_META_GROUPS;
	int r = 0;

	for (uint32_t i = first; i <= last && r == 0; i++) {
		uint64_t block = (uint64_t)i * EXT4_GROUP + ext4_space_has_super(i);

		if (ext4_space_has_descs(i))
			r = ext4_out_put(&g->fs->out, block * EXT4_BLOCK, g->descs, EXT4_BLOCK);
	}
	memset(g->descs, 0, EXT4_BLOCK);
	return r;
}

static void fill_super(const struct groups *g, struct ext2_super_block *sb)
{
	const struct ext4_layout *l = g->l;

	*sb = (struct ext2_super_block){
		.s_inodes_count = l->groups * l->inodes,
		.s_blocks_count = l->blocks,
		.s_free_blocks_count = (uint32_t)g->free_blocks,
		.s_free_inodes_count = l->groups * l->inodes - (g->first_free - 1),
		.s_log_block_size = 2,
		.s_log_cluster_size = 2,
		.s_blocks_per_group = EXT4_GROUP,
		.s_clusters_per_group = EXT4_GROUP,
		.s_inodes_per_group = l->inodes,
		.s_max_mnt_count = -1,
		.s_magic = EXT2_SUPER_MAGIC,
		.s_state = EXT2_VALID_FS,
		.s_errors = EXT2_ERRORS_CONTINUE,
		.s_creator_os = EXT2_OS_LINUX,
		.s_rev_level = EXT2_DYNAMIC_REV,
		.s_first_ino = EXT4_FIRST_INO,
		.s_inode_size = EXT4_INODE_SIZE,
		.s_min_extra_isize = EXT4_INODE_EXTRA,
		.s_want_extra_isize = EXT4_INODE_EXTRA,
		.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX,
		.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE |
				      EXT3_FEATURE_INCOMPAT_EXTENTS |
				      EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT2_FEATURE_INCOMPAT_META_BG,
		.s_feature_ro_compat =
			EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
			EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
			EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE,
		.s_def_hash_version = EXT2_HASH_HALF_MD4,
		.s_flags = EXT2_FLAGS_UNSIGNED_HASH,
		.s_log_groups_per_flex = 4,
	};
	memcpy(sb->s_uuid, g->fs->uuid, sizeof(sb->s_uuid));
	memcpy(sb->s_hash_seed, g->fs->hash_seed, sizeof(sb->s_hash_seed));
}

static int write_supers(struct groups *g)
{
	struct ext2_super_block sb;
	int r = 0;

	fill_super(g, &sb);
	for (uint32_t i = 0; i < g->l->groups && r == 0; i++) {
		uint64_t at = (uint64_t)i * EXT4_GROUP * EXT4_BLOCK;

		sb.s_block_group_nr = (uint16_t)i;
		if (ext4_space_has_super(i))
			r = ext4_out_put(&g->fs->out, i == 0 ? SUPERBLOCK_OFFSET : at, &sb,
					 sizeof(sb));
	}
	return r;
}

int ext4_groups_write(struct ext4 *fs, const struct ext4_layout *l, uint32_t first_free,
		      const uint16_t *dirs)
{
	struct groups g = {.fs = fs, .l = l, .first_free = first_free, .dirs = dirs};
	int r;

	g.descs = xcalloc(EXT4_META_GROUPS, sizeof(*g.descs));
	collect_free(&g);
	r = punch_free(&g);
	for (uint32_t i = 0; i < l->groups && r == 0; i++) {
		r = write_group(&g, i);
		if (r == 0 && (i == l->groups - 1 || i % EXT4_META_GROUPS == EXT4_META_GROUPS - 1))
			r = write_descs(&g, i);
	}
	if (r == 0)
		r = write_supers(&g);
	free(g.descs);
	free(g.free);
	return r;
}
