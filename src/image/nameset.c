/* SPDX-License-Identifier: Apache-2.0 */
#include "image/nameset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

/* Open addressing, never more than half full; 0 is an empty slot. */
#define FIRST_SIZE 1024

static uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012) over the folder and the name: whoever made the image
 * chose the names, and without the key cannot choose ones that share a slot.
 */
static uint64_t hash(const struct nameset *s, uint64_t dir, const char *name)
{
	uint64_t v[4] = {
		s->key[0] ^ UINT64_C(0x736f6d6570736575), s->key[1] ^ UINT64_C(0x646f72616e646f6d),
		s->key[0] ^ UINT64_C(0x6c7967656e657261), s->key[1] ^ UINT64_C(0x7465646279746573)};
	size_t len = strlen(name);
	uint64_t word;

	sip_word(v, dir);
	for (size_t left = len; left >= sizeof(word); left -= sizeof(word)) {
		memcpy(&word, name, sizeof(word));
		sip_word(v, word);
		name += sizeof(word);
	}
	word = (uint64_t)(len + sizeof(dir)) << 56;
	for (int i = 0; name[i]; i++)
		word |= (uint64_t)(unsigned char)name[i] << 8 * i;
	sip_word(v, word);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	word = v[0] ^ v[1] ^ v[2] ^ v[3];
	return word ? word : 1;
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

	if (s->size == 0 && getrandom(s->key, sizeof(s->key), 0) != sizeof(s->key))
		abort();
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
