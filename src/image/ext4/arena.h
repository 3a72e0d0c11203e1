/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/**
 * struct ext4_arena - memory that only grows, and may move when it does
 * @p: where it begins; all of it is zero until written
 * @size: bytes of an item
 * @n: items in use
 *
 * Growing moves pages, not bytes, and takes no memory for what is not used yet.
 */
struct ext4_arena {
	char *p;
	size_t size, n, room;
};

/** ext4_arena_init() - @first: items in use from the start */
void ext4_arena_init(struct ext4_arena *a, size_t size, size_t first);

/**
 * ext4_arena_add() - @n items more, one behind the other
 * @ret: the number of the first; below 2^32
 *
 * Return: 0 or -EFBIG; aborts without memory.
 */
int ext4_arena_add(struct ext4_arena *a, size_t n, uint32_t *ret);

/** ext4_arena_done() - free; may be called again */
void ext4_arena_done(struct ext4_arena *a);
