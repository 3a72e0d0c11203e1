/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXT4_BLOCK	 4096u
#define EXT4_GROUP	 32768u /* blocks in a group: the bits of a block */
#define EXT4_DESC_SIZE	 32u
#define EXT4_META_GROUPS (EXT4_BLOCK / EXT4_DESC_SIZE) /* groups that a block describes */
#define EXT4_BLOCKS_MAX	 UINT32_MAX

/* struct ext4_run - blocks one after the other */
struct ext4_run {
	uint32_t start, n;
};

/**
 * struct ext4_space - which blocks are taken
 * @next: all from here on are free, but for those that ext4_space_fixed() names
 * @freed: runs that were taken once, by the logarithm of their length
 */
struct ext4_space {
	uint32_t next;
	struct {
		struct ext4_run *v;
		size_t n, room;
	} freed[32];
};

/**
 * ext4_space_fixed() - how many blocks at a group's beginning are never anything's
 *
 * Copies of the superblock and of descriptors are there, wherever the file system ends.
 */
uint32_t ext4_space_fixed(uint32_t group);

/** ext4_space_has_super() - has this group a copy of the superblock? */
bool ext4_space_has_super(uint32_t group);

/** ext4_space_has_descs() - and of the descriptors of its 128? */
bool ext4_space_has_descs(uint32_t group);

/** ext4_space_init(), ext4_space_done() - nothing is taken; free */
void ext4_space_init(struct ext4_space *s);
void ext4_space_done(struct ext4_space *s);

/**
 * ext4_space_reuse() - take a run of exactly @n blocks from what was freed
 *
 * Return: true if there is one.
 */
bool ext4_space_reuse(struct ext4_space *s, uint32_t n, uint32_t *ret);

/**
 * ext4_space_tail() - where the free space at the end goes on
 * @ret_n: how many blocks are in one piece there
 *
 * Take them by adding to @s->next. Return: 0 or -EFBIG: none are left.
 */
int ext4_space_tail(struct ext4_space *s, uint32_t *ret, uint32_t *ret_n);

/** ext4_space_fit() - the first block from @at on where @n are free in one piece; 0: nowhere */
uint32_t ext4_space_fit(uint32_t at, uint32_t n);

/** ext4_space_free() - give a run back */
void ext4_space_free(struct ext4_space *s, uint32_t start, uint32_t n);
