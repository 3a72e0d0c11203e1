/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct nameset - remembers names in folders, as hashes: eight bytes a name, however long it is
 *
 * Two names may share a hash (1 in 2^64 for each pair); see tree.c for what that would mean.
 */
struct nameset {
	uint64_t *slots;
	size_t n, size;
	uint64_t key[2]; /* chosen anew with the first name */
};

#define NAMESET_NULL                             \
	{                                        \
		.slots = NULL, .n = 0, .size = 0 \
	}

/** nameset_add() - remember @name in the folder with inode number @dir */
void nameset_add(struct nameset *s, uint64_t dir, const char *name);

/** nameset_has() - was it added? */
bool nameset_has(const struct nameset *s, uint64_t dir, const char *name);

/** nameset_done() - forget all and free; may be called again */
void nameset_done(struct nameset *s);
