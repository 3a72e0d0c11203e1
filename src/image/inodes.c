/* SPDX-License-Identifier: Apache-2.0 */
#include "image/inodes.h"

#include <stdlib.h>

#include "base/mem.h"

/* Open addressing, never more than half full; a slot without a value is empty. */
#define FIRST_SIZE 256

static struct inode *find(const struct inodes *s, dev_t dev, ino_t ino)
{
	/* Knuth's multiplicative hash. */
	size_t i = (size_t)((ino ^ dev) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (s->size - 1);

	while (s->slots[i].value && (s->slots[i].ino != ino || s->slots[i].dev != dev))
		i = (i + 1) & (s->size - 1);
	return &s->slots[i];
}

static void grow(struct inodes *s)
{
	struct inodes bigger = {.n = s->n, .size = s->size ? 2 * s->size : FIRST_SIZE};

	bigger.slots = xcalloc(bigger.size, sizeof(*bigger.slots));
	for (size_t i = 0; i < s->size; i++)
		if (s->slots[i].value)
			*find(&bigger, s->slots[i].dev, s->slots[i].ino) = s->slots[i];
	free(s->slots);
	*s = bigger;
}

void inodes_add(struct inodes *s, dev_t dev, ino_t ino, uint32_t value)
{
	struct inode *slot;

	if (2 * (s->n + 1) > s->size)
		grow(s);
	slot = find(s, dev, ino);
	s->n += !slot->value;
	*slot = (struct inode){dev, ino, value};
}

uint32_t inodes_find(const struct inodes *s, dev_t dev, ino_t ino)
{
	return s->size > 0 ? find(s, dev, ino)->value : 0;
}

void inodes_done(struct inodes *s)
{
	free(s->slots);
	*s = (struct inodes){.slots = NULL};
}
