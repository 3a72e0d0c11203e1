/* SPDX-License-Identifier: Apache-2.0 */
#include "image/nameset.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Open addressing, never more than half full; 0 is an empty slot. */
#define FIRST_SIZE 1024

/* FNV-1a over the folder and the name, then a final mix so that the low bits serve as an index. */
static uint64_t hash(uint64_t dir, const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (int i = 0; i < 8; i++, dir >>= 8)
		h = (h ^ (dir & 0xff)) * UINT64_C(0x100000001b3);
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	return h ? h : 1;
}

static size_t find(const struct nameset *s, uint64_t h)
{
	size_t i = h & (s->size - 1);

	while (s->slots[i] && s->slots[i] != h)
		i = (i + 1) & (s->size - 1);
	return i;
}

static void grow(struct nameset *s)
{
	struct nameset bigger = {.size = s->size ? 2 * s->size : FIRST_SIZE};

	bigger.slots = xcalloc(bigger.size, sizeof(*bigger.slots));
	for (size_t i = 0; i < s->size; i++)
		if (s->slots[i])
			bigger.slots[find(&bigger, s->slots[i])] = s->slots[i];
	bigger.n = s->n;
	free(s->slots);
	*s = bigger;
}

void nameset_add(struct nameset *s, uint64_t dir, const char *name)
{
	uint64_t h = hash(dir, name);
	size_t i;

	if (2 * (s->n + 1) > s->size)
		grow(s);
	i = find(s, h);
	s->n += s->slots[i] == 0;
	s->slots[i] = h;
}

bool nameset_has(const struct nameset *s, uint64_t dir, const char *name)
{
	uint64_t h = hash(dir, name);

	return s->size > 0 && s->slots[find(s, h)] == h;
}

void nameset_done(struct nameset *s)
{
	free(s->slots);
	s->slots = NULL;
	s->n = s->size = 0;
}
