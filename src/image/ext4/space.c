/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ext4/space.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"
#include "base/mem.h"

/*
 * Where things are is free to choose, with the feature flex_bg, but for the superblock, the
 * descriptors, and their copies (blockgroup.rst). With meta_bg each 128 groups have a block of
 * descriptors of their own, in the first of them, with copies in the second and the last: so they
 * are at places that do not depend on how large the file system becomes, and growing it moves
 * nothing.
 */

/* sparse_super: groups 0, 1, and powers of 3, 5 and 7. */
bool ext4_space_has_super(uint32_t group)
{
	static const uint32_t bases[] = {3, 5, 7};

	if (group <= 1)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		uint32_t n = group;

		while (n % bases[i] == 0)
			n /= bases[i];
		if (n == 1)
			return true;
	}
	return false;
}

bool ext4_space_has_descs(uint32_t group)
{
	uint32_t i = group % EXT4_META_GROUPS;

	return i == 0 || i == 1 || i == EXT4_META_GROUPS - 1;
}

uint32_t ext4_space_fixed(uint32_t group)
{
	return (uint32_t)ext4_space_has_super(group) + (uint32_t)ext4_space_has_descs(group);
}

/* The first block from @at on that belongs to something fixed. */
static uint64_t next_fixed(uint32_t at)
{
	uint64_t group = (at + UINT64_C(0) + EXT4_GROUP - 1) / EXT4_GROUP;

	while (ext4_space_fixed((uint32_t)group) == 0)
		group++;
	return MIN(group * EXT4_GROUP, (uint64_t)EXT4_BLOCKS_MAX);
}

/* Steps over what is fixed. Return: block, or EXT4_BLOCKS_MAX. */
static uint32_t skip_fixed(uint32_t at)
{
	uint32_t group = at / EXT4_GROUP, fixed = ext4_space_fixed(group);

	return at % EXT4_GROUP < fixed ? group * EXT4_GROUP + fixed : at;
}

void ext4_space_init(struct ext4_space *s)
{
	*s = (struct ext4_space){.next = ext4_space_fixed(0)};
}

void ext4_space_done(struct ext4_space *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->freed); i++)
		free(s->freed[i].v);
	*s = (struct ext4_space){.next = 0};
}

static unsigned int log2_of(uint32_t n)
{
	return 31 - (unsigned int)__builtin_clz(n);
}

static void push(struct ext4_space *s, struct ext4_run run)
{
	__typeof__(s->freed[0]) *bin = &s->freed[log2_of(run.n)];

	if (bin->n == bin->room) {
		bin->room = bin->room ? 2 * bin->room : 16;
		bin->v = xreallocarray(bin->v, bin->room, sizeof(*bin->v));
	}
	bin->v[bin->n++] = run;
}

void ext4_space_free(struct ext4_space *s, uint32_t start, uint32_t n)
{
	if (n > 0)
		push(s, (struct ext4_run){start, n});
}

/* Any run of a higher power of two is long enough, so nothing needs to be searched. */
bool ext4_space_reuse(struct ext4_space *s, uint32_t n, uint32_t *ret)
{
	unsigned int i = n > 1 ? log2_of(n - 1) + 1 : 0;

	for (; i < ARRAY_SIZE(s->freed); i++) {
		struct ext4_run run;

		if (s->freed[i].n == 0)
			continue;
		run = s->freed[i].v[--s->freed[i].n];
		*ret = run.start;
		ext4_space_free(s, run.start + n, run.n - n);
		return true;
	}
	return false;
}

int ext4_space_tail(struct ext4_space *s, uint32_t *ret, uint32_t *ret_n)
{
	s->next = skip_fixed(s->next);
	if (s->next >= EXT4_BLOCKS_MAX - 1)
		return -EFBIG;
	*ret = s->next;
	*ret_n = (uint32_t)(next_fixed(s->next) - s->next);
	return 0;
}

uint32_t ext4_space_fit(uint32_t at, uint32_t n)
{
	at = skip_fixed(at);
	while (next_fixed(at) - at < n) {
		if (next_fixed(at) == EXT4_BLOCKS_MAX)
			return 0;
		at = skip_fixed((uint32_t)next_fixed(at));
	}
	return at;
}
