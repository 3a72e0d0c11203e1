/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/mem.h"
#include "image/ext4-read/impl.h"

/* ifork.rst, "Direct/Indirect Block Addressing": what ext2 and ext3 have. A 0 stands for a hole. */

static uint64_t pointers(const struct ext4r_mapper *m)
{
	return m->fs->block / sizeof(uint32_t);
}

/* How many blocks a pointer of this level leads to. */
static uint64_t span(const struct ext4r_mapper *m, unsigned int level)
{
	uint64_t n = 1;

	while (level-- > 0)
		n *= pointers(m);
	return n;
}

/* Block @at is the first that @pointer leads to, over @level others. */
static int walk(struct ext4r_mapper *m, uint64_t at, uint32_t pointer, unsigned int level)
{
	_cleanup_free_ uint32_t *v = NULL;
	int r;

	if (pointer == 0)
		return 0;
	if (level == 0)
		return ext4r_mapper_add(m, at, pointer, 1, false);
	r = ext4r_mapper_claim(m, pointer);
	if (r < 0)
		return r;
	v = xmalloc(m->fs->block);
	r = ext4r_read_block(m->fs, pointer, v, m->err);
	for (uint64_t i = 0; i < pointers(m) && r == 0; i++)
		r = walk(m, at + i * span(m, level - 1), v[i], level - 1);
	return r;
}

int ext4r_map_blocks(struct ext4r_mapper *m, const uint32_t *i_block)
{
	uint64_t at = 0;
	int r = 0;

	for (unsigned int i = 0; i < EXT2_N_BLOCKS && r == 0; i++) {
		unsigned int level = i < EXT2_NDIR_BLOCKS ? 0 : i - EXT2_NDIR_BLOCKS + 1;

		r = walk(m, at, i_block[i], level);
		at += span(m, level);
	}
	return r;
}
