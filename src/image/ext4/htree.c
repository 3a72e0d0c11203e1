/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/ext4/impl.h"

/*
 * directory.rst, "Hash Tree Directories". The first block has "." and ".." alone, and the index:
 * which leaf has the names from which hash on; where one block does not hold it, it says which of
 * the next blocks do. Leaves are blocks full of names, as they are without an index. Names with the
 * same hash may go on in the next leaf, whose hash then has its lowest bit set.
 */

/* struct dx_root and struct dx_node there: what comes before the index. */
#define ROOT_HEADER 32u
#define NODE_HEADER 8u
#define IN_ROOT	    ((EXT4_BLOCK - ROOT_HEADER) / sizeof(struct ext2_dx_entry))
#define IN_NODE	    ((EXT4_BLOCK - NODE_HEADER) / sizeof(struct ext2_dx_entry))

/* struct leaf - @first: of the names in it; @hash: for the index */
struct leaf {
	uint32_t first, hash;
};

struct htree {
	struct ext4 *fs;
	uint32_t dir;
	const struct ext4_hashed *v;
	uint32_t n;
	struct leaf *leaves;
	uint32_t n_leaves, room;
	uint32_t nodes; /* blocks between the root and the leaves */
	uint64_t offset;
};

static void add_leaf(struct htree *t, uint32_t first)
{
	bool goes_on = first > 0 && t->v[first - 1].hash == t->v[first].hash;

	if (t->n_leaves == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->leaves = xreallocarray(t->leaves, t->room, sizeof(*t->leaves));
	}
	t->leaves[t->n_leaves++] = (struct leaf){first, t->v[first].hash | goes_on};
}

static uint32_t name_len(const struct htree *t, uint32_t i)
{
	return ext4_dirent_len(ext4_entry(t->fs, t->v[i].entry)->len);
}

static void split(struct htree *t)
{
	uint32_t used = EXT4_BLOCK;

	for (uint32_t i = 0; i < t->n; i++) {
		if (used + name_len(t, i) > EXT4_BLOCK) {
			add_leaf(t, i);
			used = 0;
		}
		used += name_len(t, i);
	}
}

static int put(struct htree *t, const void *block)
{
	int r = ext4_data_put(t->fs, block, EXT4_BLOCK, t->offset);

	t->offset += EXT4_BLOCK;
	return r;
}

/*
 * The index of @n blocks, one behind the other from @block on. @stride: leaves below each. The
 * place of the first one's hash has how many there are, and could be.
 */
static void fill_index(const struct htree *t, void *at, size_t room, uint32_t first, uint32_t n,
		       uint32_t stride, uint32_t block)
{
	struct ext2_dx_entry *index = at;
	struct ext2_dx_countlimit *count = at;

	for (uint32_t i = 0; i < n; i++) {
		index[i].hash = t->leaves[(size_t)first + (size_t)i * stride].hash;
		index[i].block = block + i;
	}
	count->limit = (uint16_t)room;
	count->count = (uint16_t)n;
}

static int put_root(struct htree *t)
{
	const struct ext4 *fs = t->fs;
	_Alignas(uint32_t) struct ext4_dirblock b = {.at = 0};
	struct ext2_dx_root_info *info = (struct ext2_dx_root_info *)(b.data + ROOT_HEADER - 8);

	ext4_dirblock_add(&b, ext4_node(fs, t->dir)->ino, ".", 1, S_IFDIR);
	ext4_dirblock_add(&b, ext4_node(fs, ext4_parent(fs, t->dir))->ino, "..", 2, S_IFDIR);
	ext4_dirblock_end(&b);
	info->hash_version = EXT2_HASH_HALF_MD4;
	info->info_length = sizeof(*info);
	info->indirect_levels = t->nodes > 0;
	if (t->nodes > 0)
		fill_index(t, b.data + ROOT_HEADER, IN_ROOT, 0, t->nodes, IN_NODE, 1);
	else
		fill_index(t, b.data + ROOT_HEADER, IN_ROOT, 0, t->n_leaves, 1, 1);
	return put(t, b.data);
}

static int put_node(struct htree *t, uint32_t i)
{
	_Alignas(uint32_t) char block[EXT4_BLOCK] = {0};
	struct ext2_dir_entry_2 *fake = (struct ext2_dir_entry_2 *)block;
	uint32_t first = i * IN_NODE, n = MIN((uint32_t)IN_NODE, t->n_leaves - first);

	fake->rec_len = EXT4_BLOCK;
	fill_index(t, block + NODE_HEADER, IN_NODE, first, n, 1, 1 + t->nodes + first);
	return put(t, block);
}

static int put_leaf(struct htree *t, uint32_t leaf)
{
	struct ext4 *fs = t->fs;
	uint32_t end = leaf + 1 < t->n_leaves ? t->leaves[leaf + 1].first : t->n;
	_Alignas(uint32_t) struct ext4_dirblock b = {.at = 0};

	for (uint32_t i = t->leaves[leaf].first; i < end; i++) {
		const struct ext4_entry *e = ext4_entry(fs, t->v[i].entry);
		const struct ext4_node *node = ext4_node(fs, e->node);

		ext4_dirblock_add(&b, node->ino, ext4_entry_name(fs, e), e->len, node->mode);
	}
	ext4_dirblock_end(&b);
	return put(t, b.data);
}

static int put_all(struct htree *t)
{
	uint64_t blocks = UINT64_C(1) + t->nodes + t->n_leaves;
	int r;

	ext4_data_begin(t->fs, t->dir, blocks * EXT4_BLOCK);
	r = put_root(t);
	for (uint32_t i = 0; i < t->nodes && r == 0; i++)
		r = put_node(t, i);
	for (uint32_t i = 0; i < t->n_leaves && r == 0; i++)
		r = put_leaf(t, i);
	return r < 0 ? r : ext4_data_end(t->fs, t->offset);
}

int ext4_htree_place(struct ext4 *fs, uint32_t dir, struct ext4_hashed *v, uint32_t n)
{
	struct htree t = {.fs = fs, .dir = dir, .v = v, .n = n};
	int r;

	split(&t);
	if (t.n_leaves > IN_ROOT)
		t.nodes = (t.n_leaves + IN_NODE - 1) / IN_NODE;
	r = t.nodes > IN_ROOT ? -EFBIG : put_all(&t);
	free(t.leaves);
	return r;
}
