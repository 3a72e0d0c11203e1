/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ext4/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define FIRST (1u << 20) /* bytes; also the unit of growth */

static void grow(struct ext4_arena *a, size_t need)
{
	size_t room = a->room ? 2 * a->room : FIRST;
	void *p;

	while (room < need)
		room *= 2;
	p = a->p ? mremap(a->p, a->room, room, MREMAP_MAYMOVE)
		 : mmap(NULL, room, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		abort();
	a->p = p;
	a->room = room;
}

void ext4_arena_init(struct ext4_arena *a, size_t size, size_t first)
{
	*a = (struct ext4_arena){.size = size, .n = first};
	grow(a, size * first);
}

int ext4_arena_add(struct ext4_arena *a, size_t n, uint32_t *ret)
{
	if (n > UINT32_MAX || a->n > UINT32_MAX - n)
		return -EFBIG;
	if ((a->n + n) * a->size > a->room)
		grow(a, (a->n + n) * a->size);
	*ret = (uint32_t)a->n;
	a->n += n;
	return 0;
}

void ext4_arena_done(struct ext4_arena *a)
{
	if (a->p)
		(void)munmap(a->p, a->room);
	*a = (struct ext4_arena){.size = a->size};
}
