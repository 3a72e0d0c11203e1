/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/macro.h"
#include "tar/read-state.h"

/*
 * The map of a sparse file: lines of digits, from a block's beginning to a block's end.
 */

#define DIGITS_MAX 20

/* @in_block: bytes of a block that were read, modulo its size */
struct map {
	struct tar_reader *reader;
	const char *at;
	size_t left, in_block;
};

/* Return: 0: there is at least a byte. */
static int next_piece(struct map *map)
{
	ssize_t n = tar_read_some(map->reader, TAR_BLOCK_SIZE - map->in_block, &map->at);

	if (n <= 0)
		return n < 0 ? (int)n : -EBADMSG;
	map->left = (size_t)n;
	map->in_block = (map->in_block + map->left) % TAR_BLOCK_SIZE;
	return 0;
}

static int next_char(struct map *map, char *ret)
{
	int e = map->left == 0 ? next_piece(map) : 0;

	if (e < 0)
		return e;
	map->left--;
	*ret = *map->at++;
	return 0;
}

static int next_number(struct map *map, uint64_t *ret)
{
	int digits = 0, e;
	char c = 0;

	*ret = 0;
	while ((e = next_char(map, &c)) == 0 && c != '\n') {
		if (c < '0' || c > '9' || ++digits > DIGITS_MAX || *ret > (INT64_MAX - 9) / 10)
			return -EBADMSG;
		*ret = *ret * 10 + (uint64_t)(c - '0');
	}
	return e < 0 || digits > 0 ? e : -EBADMSG;
}

static int next_extent(struct map *map, struct tar_extent *e, uint64_t from, uint64_t size)
{
	int r = next_number(map, &e->offset);

	if (r == 0)
		r = next_number(map, &e->len);
	if (r == 0 && (e->offset < from || e->offset > size || e->len > size - e->offset))
		r = -EBADMSG;
	return r;
}

static int read_extents(struct map *map, uint64_t n)
{
	struct tar_reader *r = map->reader;
	uint64_t end = 0, sum = 0;
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++) {
		e = next_extent(map, &r->extents[i], end, r->real_size);
		end = r->extents[i].offset + r->extents[i].len;
		sum += r->extents[i].len;
	}
	while (e == 0 && map->in_block > 0)
		e = next_piece(map);
	if (e == 0 && sum != r->left)
		e = -EBADMSG;
	return e;
}

int tar_read_map(struct tar_reader *r)
{
	struct map map = {.reader = r};
	uint64_t n;
	int e;

	if (r->sparse_major != 1 || r->sparse_minor != 0)
		return -EOPNOTSUPP;
	if (!r->has_real_size || !r->has_path)
		return -EBADMSG;
	e = next_number(&map, &n);
	if (e < 0)
		return e;
	if (n > TAR_READ_EXTENTS_MAX)
		return -E2BIG;
	e = read_extents(&map, n);
	r->member.sparse = true;
	r->member.size = r->real_size;
	r->member.extents = r->extents;
	r->member.n_extents = (size_t)n;
	return e;
}
