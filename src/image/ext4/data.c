/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/ext4/impl.h"

/*
 * Content goes to the next free block, or to what was freed if it fits in there as a whole. Only the
 * content of one file is written at a time, so a file is in one piece unless something fixed is in
 * its way.
 */

#define EXTENT_MAX 32768u /* blocks: ext4_extent.ee_len, in ifork.rst */

void ext4_data_begin(struct ext4 *fs, uint32_t node, uint64_t size)
{
	struct ext4_data *d = &fs->data;

	d->node = node;
	d->at = 0;
	d->size = size;
	d->left = 0;
	d->n = 0;
}

/* @n: blocks that are still to come, at most; the more there are in one piece, the better */
static int new_run(struct ext4 *fs, uint64_t n)
{
	struct ext4_data *d = &fs->data;

	d->tail = n > UINT32_MAX || !ext4_space_reuse(&fs->space, (uint32_t)n, &d->run);
	if (d->tail)
		return ext4_space_tail(&fs->space, &d->run, &d->left);
	d->left = (uint32_t)n;
	return 0;
}

static struct ext4_extent *new_extent(struct ext4_data *d, uint32_t at, uint32_t start)
{
	if (d->n == d->room) {
		d->room = d->room ? 2 * d->room : 16;
		d->v = xreallocarray(d->v, d->room, sizeof(*d->v));
	}
	d->v[d->n] = (struct ext4_extent){.at = at, .start = start};
	return &d->v[d->n++];
}

/* Takes up to @n blocks for those of the file from @at on. Return: how many, or negative errno. */
static int64_t take(struct ext4 *fs, uint32_t at, uint64_t n, uint32_t *ret)
{
	struct ext4_data *d = &fs->data;
	struct ext4_extent *e = d->n > 0 ? &d->v[d->n - 1] : NULL;
	int r;

	if (d->left == 0) {
		r = new_run(fs, MAX(n, (d->size + EXT4_BLOCK - 1) / EXT4_BLOCK - at));
		if (r < 0)
			return r;
	}
	if (!e || e->at + e->n != at || e->start + e->n != d->run || e->n == EXTENT_MAX)
		e = new_extent(d, at, d->run);
	n = MIN(n, (uint64_t)MIN(d->left, EXTENT_MAX - e->n));
	*ret = d->run;
	e->n += (uint32_t)n;
	d->run += (uint32_t)n;
	d->left -= (uint32_t)n;
	if (d->tail)
		fs->space.next = d->run;
	return (int64_t)n;
}

/* Where on the disk the last byte written is followed by the next. */
static uint64_t end_of_data(const struct ext4_data *d)
{
	const struct ext4_extent *e = &d->v[d->n - 1];
	uint64_t skipped = d->at - (uint64_t)e->at * EXT4_BLOCK;

	return (uint64_t)e->start * EXT4_BLOCK + skipped;
}

/* Up to @offset, or the end of the block that was begun: zeros. Return: 0 or negative errno. */
static int fill(struct ext4 *fs, uint64_t offset)
{
	struct ext4_data *d = &fs->data;
	uint64_t n = MIN(offset - d->at, (EXT4_BLOCK - d->at % EXT4_BLOCK) % EXT4_BLOCK);
	int r = n > 0 ? ext4_out_zero(&fs->out, end_of_data(d), n) : 0;

	d->at += n;
	return r;
}

/* Continues in the block that was begun. Return: bytes, or negative errno. */
static int64_t put_in_block(struct ext4 *fs, const void *data, size_t len)
{
	struct ext4_data *d = &fs->data;
	size_t n = MIN(len, (size_t)(EXT4_BLOCK - d->at % EXT4_BLOCK));
	int r = ext4_out_put(&fs->out, end_of_data(d), data, n);

	d->at += n;
	return r < 0 ? r : (int64_t)n;
}

/* Begins a block, or many. Return: bytes, or negative errno. */
static int64_t put_blocks(struct ext4 *fs, const void *data, size_t len)
{
	struct ext4_data *d = &fs->data;
	uint32_t start;
	int64_t n = take(fs, (uint32_t)(d->at / EXT4_BLOCK), (len + EXT4_BLOCK - 1) / EXT4_BLOCK,
			 &start);
	size_t bytes;
	int r;

	if (n < 0)
		return n;
	bytes = MIN(len, (size_t)n * EXT4_BLOCK);
	r = ext4_out_put(&fs->out, (uint64_t)start * EXT4_BLOCK, data, bytes);
	d->at += bytes;
	return r < 0 ? r : (int64_t)bytes;
}

/* After a hole: the block that @offset is in begins with zeros. */
static int skip_to(struct ext4 *fs, uint64_t offset)
{
	static const char zeros[EXT4_BLOCK];
	struct ext4_data *d = &fs->data;
	int r = fill(fs, offset);

	if (r < 0 || d->at == offset)
		return r;
	d->at = offset - offset % EXT4_BLOCK;
	if (d->at < offset) {
		int64_t n = put_blocks(fs, zeros, offset % EXT4_BLOCK);

		r = n < 0 ? (int)n : 0;
	}
	return r;
}

int ext4_data_put(struct ext4 *fs, const void *data, size_t len, uint64_t offset)
{
	struct ext4_data *d = &fs->data;
	const char *p = data;
	int r;

	if (offset < d->at || len > d->size || offset > d->size - len)
		return -EINVAL;
	r = skip_to(fs, offset);
	while (r == 0 && len > 0) {
		int64_t n = d->at % EXT4_BLOCK ? put_in_block(fs, p, len) : put_blocks(fs, p, len);

		if (n < 0)
			return (int)n;
		p += n;
		len -= (size_t)n;
	}
	return r;
}

/* What is left of a freed run that was taken as a whole. */
static void give_back(struct ext4 *fs)
{
	if (!fs->data.tail)
		ext4_space_free(&fs->space, fs->data.run, fs->data.left);
	fs->data.left = 0;
}

int ext4_data_end(struct ext4 *fs, uint64_t size)
{
	struct ext4_data *d = &fs->data;
	struct ext4_node *node = ext4_node(fs, d->node);
	uint32_t at;
	int r = fill(fs, UINT64_MAX);

	give_back(fs);
	if (r == 0)
		r = fs->out.error;
	if (r < 0)
		return r;
	node->size = size;
	node->n_extents = (uint32_t)d->n;
	if (d->n == 1)
		node->extent = d->v[0];
	if (d->n <= 1)
		return 0;
	r = ext4_arena_add(&fs->extents, d->n, &at);
	if (r < 0)
		return r;
	node->extents = at;
	memcpy(ext4_extents(fs, node), d->v, d->n * sizeof(*d->v));
	return 0;
}

void ext4_data_free(struct ext4 *fs, struct ext4_node *node)
{
	const struct ext4_extent *v = ext4_extents(fs, node);

	if (!S_ISREG(node->mode))
		return;
	for (uint32_t i = 0; i < node->n_extents; i++)
		ext4_space_free(&fs->space, v[i].start, v[i].n);
	node->n_extents = 0;
}

int ext4_block_put(struct ext4 *fs, const void *data, uint32_t *ret)
{
	uint32_t n;
	int r = 0;

	if (!ext4_space_reuse(&fs->space, 1, ret)) {
		r = ext4_space_tail(&fs->space, ret, &n);
		fs->space.next++;
	}
	return r < 0 ? r : ext4_out_put(&fs->out, (uint64_t)*ret * EXT4_BLOCK, data, EXT4_BLOCK);
}

int ext4_file_begin(struct ext4 *fs, uint32_t node, uint64_t size)
{
	if (size > EXT4_FILE_MAX)
		return -EFBIG;
	ext4_data_begin(fs, node, size);
	return 0;
}

int ext4_file_write(struct ext4 *fs, const void *data, size_t len, uint64_t offset)
{
	return ext4_data_put(fs, data, len, offset);
}

int ext4_file_end(struct ext4 *fs)
{
	return ext4_data_end(fs, fs->data.size);
}
