/* SPDX-License-Identifier: Apache-2.0 */
#include "image/nameset.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/siphash.h"

/* Open addressing, never more than half full; 0 is an empty slot. */
#define FIRST_SIZE 1024

static uint64_t hash(const struct nameset *s, uint64_t dir, const char *name)
{
	uint64_t h = siphash_name(s->key, dir, name, strlen(name));

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

	if (s->size == 0)
		siphash_key(s->key);
	memcpy(bigger.key, s->key, sizeof(bigger.key));

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
	uint64_t h;
	size_t i;

	if (2 * (s->n + 1) > s->size)
		grow(s);
	h = hash(s, dir, name);
	i = find(s, h);
	s->n += s->slots[i] == 0;
	s->slots[i] = h;
}

bool nameset_has(const struct nameset *s, uint64_t dir, const char *name)
{
	uint64_t h = s->size > 0 ? hash(s, dir, name) : 0;

	return s->size > 0 && s->slots[find(s, h)] == h;
}

void nameset_done(struct nameset *s)
{
	free(s->slots);
	s->slots = NULL;
	s->n = s->size = 0;
}
