/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ext4/ext4.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/digest.h"
#include "image/ext4/impl.h"
#include "image/siphash.h"

/*
 * Theory of operation. Content is written as it comes (data.c), names and inodes are kept in tables
 * (names.c). In the end each inode gets its number; folders, long symbolic links, attributes and
 * extent trees are placed behind the content; then it is known how many groups there are, and where
 * their tables go (layout.c); those are written last (groups.c).
 */

#define TABLE_PIECE 64u /* inodes written at a time: four blocks */

struct ext4 *ext4_new(int fd)
{
	struct ext4 *fs = xcalloc(1, sizeof(*fs));

	ext4_out_init(&fs->out, fd);
	ext4_space_init(&fs->space);
	/* Number 0 is none, everywhere. */
	ext4_arena_init(&fs->nodes, sizeof(struct ext4_node), EXT4_ROOT + 1);
	ext4_arena_init(&fs->entries, sizeof(struct ext4_entry), 1);
	ext4_arena_init(&fs->names, 1, 1);
	ext4_arena_init(&fs->extents, sizeof(struct ext4_extent), 1);
	ext4_arena_init(&fs->xattrs, 1, 1);
	siphash_key(fs->key);
	*ext4_node(fs, EXT4_ROOT) = (struct ext4_node){
		.mode = S_IFDIR | 0755, .links = 2, .dir = {.parent = EXT4_ROOT}};
	return fs;
}

void ext4_free(struct ext4 *fs)
{
	if (!fs)
		return;
	ext4_names_done(fs);
	ext4_out_done(&fs->out);
	ext4_space_done(&fs->space);
	ext4_arena_done(&fs->nodes);
	ext4_arena_done(&fs->entries);
	ext4_arena_done(&fs->names);
	ext4_arena_done(&fs->extents);
	ext4_arena_done(&fs->xattrs);
	free(fs->data.v);
	free(fs);
}

/* Return: the first number that is not used. */
static uint32_t number_inodes(struct ext4 *fs)
{
	uint32_t next = EXT4_FIRST_INO;

	ext4_node(fs, EXT4_ROOT)->ino = EXT2_ROOT_INO;
	for (uint32_t i = EXT4_ROOT + 1; i < fs->nodes.n; i++)
		if (ext4_node(fs, i)->links > 0)
			ext4_node(fs, i)->ino = next++;
	return next;
}

static int place_target(struct ext4 *fs, uint32_t i)
{
	uint64_t size = ext4_node(fs, i)->size;
	int r;

	if (size < EXT4_FAST_LINK)
		return 0;
	ext4_data_begin(fs, i, size);
	r = ext4_data_put(fs, ext4_target(fs, i), size, 0);
	return r < 0 ? r : ext4_data_end(fs, size);
}

static int place_node(struct ext4 *fs, uint32_t i)
{
	mode_t mode = ext4_mode(fs, i);
	int r = ext4_xattrs_place(fs, i);

	if (r == 0 && S_ISDIR(mode))
		r = ext4_dir_place(fs, i);
	else if (r == 0 && S_ISLNK(mode))
		r = place_target(fs, i);
	if (r == 0 && (S_ISREG(mode) || S_ISDIR(mode)))
		r = ext4_extents_place(fs, i);
	return r;
}

static int place_all(struct ext4 *fs)
{
	int r = 0;

	for (uint32_t i = EXT4_ROOT; i < fs->nodes.n && r == 0; i++)
		if (ext4_node(fs, i)->links > 0)
			r = place_node(fs, i);
	return r;
}

/* The next inode in the order of their numbers, from @i on; 0: there is none. */
static uint32_t next_node(const struct ext4 *fs, uint32_t i)
{
	while (i < fs->nodes.n && ext4_node(fs, i)->links == 0)
		i++;
	return i < fs->nodes.n ? i : 0;
}

struct tables {
	struct ext4 *fs;
	const struct ext4_layout *l;
	struct hash hash;
	uint32_t node; /* that comes next */
	uint16_t *dirs;
};

/* Inodes of one group from @first on, counted from 0. */
static int write_piece(struct tables *t, uint32_t group, uint32_t first)
{
	_Alignas(uint64_t) char inodes[TABLE_PIECE][EXT4_INODE_SIZE] = {0};
	uint32_t n = MIN(TABLE_PIECE, t->l->inodes - first);
	uint32_t ino = group * t->l->inodes + first + 1;
	uint64_t at = (uint64_t)t->l->tables[group] * EXT4_BLOCK + first * EXT4_INODE_SIZE;

	for (uint32_t i = 0; i < n && t->node; i++) {
		if (ext4_node(t->fs, t->node)->ino != ino + i)
			continue;
		ext4_inode_fill(t->fs, t->node, inodes[i]);
		t->dirs[group] += S_ISDIR(ext4_mode(t->fs, t->node));
		t->node = next_node(t->fs, t->node + 1);
	}
	hash_add(&t->hash, inodes, n * EXT4_INODE_SIZE);
	return ext4_out_put(&t->fs->out, at, inodes, n * EXT4_INODE_SIZE);
}

static int write_tables(struct tables *t)
{
	int r = 0;

	for (uint32_t group = 0; group < t->l->used && r == 0; group++)
		for (uint32_t i = 0; i < t->l->inodes && t->node && r == 0; i += TABLE_PIECE)
			r = write_piece(t, group, i);
	return r;
}

/* RFC 9562, version 8: what is in it is its maker's choice. */
static void make_uuid(struct ext4 *fs, struct hash *hash)
{
	struct digest digest;

	hash_end(hash, &digest);
	for (size_t i = 0; i < sizeof(fs->uuid); i++) {
		char hex[3] = {digest_hex(&digest)[2 * i], digest_hex(&digest)[2 * i + 1]};

		fs->uuid[i] = (uint8_t)strtoul(hex, NULL, 16);
	}
	fs->uuid[6] = (uint8_t)((fs->uuid[6] & 0x0f) | 0x80);
	fs->uuid[8] = (uint8_t)((fs->uuid[8] & 0x3f) | 0x80);
}

/* Any numbers do; these are the same for the same image. */
static void make_hash_seed(struct ext4 *fs, const char *identity)
{
	struct digest digest;

	digest_of(identity, strlen(identity), &digest);
	for (size_t i = 0; i < ARRAY_SIZE(fs->hash_seed); i++) {
		char hex[9] = {0};

		memcpy(hex, digest_hex(&digest) + 8 * i, 8);
		fs->hash_seed[i] = (uint32_t)strtoul(hex, NULL, 16);
	}
}

static int write_layout(struct ext4 *fs, const struct ext4_layout *l, uint32_t first_free,
			const char *identity)
{
	_cleanup_free_ uint16_t *dirs = xcalloc(l->used, sizeof(*dirs));
	struct tables t = {.fs = fs, .l = l, .node = EXT4_ROOT, .dirs = dirs};
	int r;

	hash_begin(&t.hash);
	hash_add(&t.hash, identity, strlen(identity));
	r = write_tables(&t);
	make_uuid(fs, &t.hash);
	if (r == 0)
		r = ext4_groups_write(fs, l, first_free, dirs);
	return r < 0 ? r : ext4_out_end(&fs->out, (uint64_t)l->blocks * EXT4_BLOCK);
}

int ext4_finish(struct ext4 *fs, const struct ext4_finish *how, uint64_t *ret_needed)
{
	const char *identity = how->identity ? how->identity : "";
	struct ext4_layout l = {.blocks = 0};
	uint32_t first_free = number_inodes(fs);
	int r;

	make_hash_seed(fs, identity);
	r = place_all(fs);
	if (r == 0)
		r = ext4_layout_plan(fs, how, first_free - 1, &l, ret_needed);
	if (r == 0)
		r = write_layout(fs, &l, first_free, identity);
	if (r == 0 && !how->unsynced)
		r = ext4_out_sync(&fs->out);
	ext4_layout_done(&l);
	return r;
}
