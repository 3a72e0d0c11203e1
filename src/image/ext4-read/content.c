/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "base/mem.h"
#include "image/ext4-read/impl.h"

#define IN_INODE sizeof(((struct ext2_inode_large *)0)->i_block)

void ext4r_content_done(struct ext4r_content *c)
{
	free(take_ptr(c->v));
	free(take_ptr(c->at));
	free(take_ptr(c->memory));
	c->n = c->room = 0;
}

static int append(struct ext4r_content *c, uint64_t offset, uint64_t len, uint64_t at,
		  struct err *err)
{
	const struct tar_extent *last = c->n > 0 ? &c->v[c->n - 1] : NULL;

	if (last && last->offset + last->len == offset && c->at[c->n - 1] + last->len == at) {
		c->v[c->n - 1].len += len;
		return 0;
	}
	if (c->n == EXT4R_EXTENTS_MAX)
		return err_set(err, -EFBIG, "it is in more than %u pieces", EXT4R_EXTENTS_MAX);
	if (c->n == c->room) {
		c->room = c->room ? 2 * c->room : 16;
		c->v = xreallocarray(c->v, c->room, sizeof(*c->v));
		c->at = xreallocarray(c->at, c->room, sizeof(*c->at));
	}
	c->v[c->n] = (struct tar_extent){.offset = offset, .len = len};
	c->at[c->n++] = at;
	return 0;
}

static int claim(struct ext4r_mapper *m, uint64_t block, uint64_t n)
{
	if (!ext4r_is_block(m->fs, block, n))
		return err_set(m->err, -EBADMSG, "its blocks are outside of the file system");
	if (n > *m->left)
		return err_set(m->err, -EBADMSG,
			       "the files have more blocks than there are: some have the same");
	*m->left -= n;
	return 0;
}

int ext4r_mapper_claim(struct ext4r_mapper *m, uint64_t block)
{
	return claim(m, block, 1);
}

int ext4r_mapper_add(struct ext4r_mapper *m, uint64_t at, uint64_t start, uint64_t n, bool hole)
{
	const uint32_t block = m->fs->block;
	int r;

	if (n == 0 || at < m->next)
		return err_set(m->err, -EBADMSG, "its blocks are not in order");
	r = claim(m, start, n);
	if (r < 0)
		return r;
	m->next = at + n;
	if (hole || at >= m->end)
		return 0;
	n = MIN(n, m->end - at);
	return append(m->ret, at * block, n * block, start * block, m->err);
}

/* What follows the end in the last block is nothing of the file's. */
static void clip(struct ext4r_content *c, uint64_t size)
{
	struct tar_extent *last = c->n > 0 ? &c->v[c->n - 1] : NULL;

	if (last && last->len > size - last->offset)
		last->len = size - last->offset;
}

static int in_memory(struct ext4r *fs, const struct ext4r_inode *inode, struct ext4r_content *ret,
		     struct err *err)
{
	const struct ext2_inode_large *raw = inode->raw;
	_cleanup_free_ char *rest = NULL;
	size_t rest_len = 0;
	int r = ext4r_inline_rest(fs, inode, &rest, &rest_len, err);

	if (r < 0)
		return r;
	if (inode->size > IN_INODE + rest_len)
		return err_set(err, -EBADMSG, "it has less data than its size says");
	ret->memory = xmalloc(IN_INODE + rest_len + 1);
	memcpy(ret->memory, raw->i_block, IN_INODE);
	if (rest_len > 0)
		memcpy(ret->memory + IN_INODE, rest, rest_len);
	return inode->size > 0 ? append(ret, 0, inode->size, 0, err) : 0;
}

int ext4r_content_of(struct ext4r *fs, const struct ext4r_inode *inode, uint64_t *left,
		     struct ext4r_content *ret, struct err *err)
{
	const struct ext2_inode_large *raw = inode->raw;
	struct ext4r_mapper m = {
		.fs = fs,
		.ino = inode->ino,
		.end = (inode->size + fs->block - 1) / fs->block,
		.left = left,
		.ret = ret,
		.err = err,
	};
	int r;

	if (inode->flags & EXT4_INLINE_DATA_FL)
		return in_memory(fs, inode, ret, err);
	r = inode->flags & EXT4_EXTENTS_FL ? ext4r_map_extents(&m, raw->i_block)
					   : ext4r_map_blocks(&m, raw->i_block);
	if (r == 0)
		clip(ret, inode->size);
	return r;
}

int ext4r_content(struct ext4r *fs, const struct ext4r_inode *inode, struct ext4r_content *ret,
		  struct err *err)
{
	return ext4r_content_of(fs, inode, &fs->left, ret, err);
}

int ext4r_read(struct ext4r *fs, const struct ext4r_content *c, size_t i, uint64_t skip, void *buf,
	       size_t len, struct err *err)
{
	if (!c->memory)
		return ext4r_read_at(fs, c->at[i] + skip, buf, len, err);
	memcpy(buf, c->memory + c->v[i].offset + skip, len);
	return 0;
}

int ext4r_slurp_of(struct ext4r *fs, const struct ext4r_inode *inode, uint64_t *left, size_t max,
		   char **ret, struct err *err)
{
	_cleanup_ext4r_content_ struct ext4r_content c = EXT4R_CONTENT_NULL;
	_cleanup_free_ char *data = NULL;
	int r;

	if (inode->size > max)
		return err_set(err, -EFBIG, "it has more than %zu bytes", max);
	r = ext4r_content_of(fs, inode, left, &c, err);
	if (r < 0)
		return r;
	data = xcalloc(1, inode->size + 1);
	for (size_t i = 0; i < c.n && r == 0; i++)
		r = ext4r_read(fs, &c, i, 0, data + c.v[i].offset, c.v[i].len, err);
	if (r == 0)
		*ret = take_ptr(data);
	return r;
}

int ext4r_slurp(struct ext4r *fs, const struct ext4r_inode *inode, size_t max, char **ret,
		struct err *err)
{
	return ext4r_slurp_of(fs, inode, &fs->left, max, ret, err);
}

int ext4r_target(struct ext4r *fs, const struct ext4r_inode *inode, char **ret, struct err *err)
{
	const struct ext2_inode_large *raw = inode->raw;
	const uint32_t has_blocks = EXT4_EXTENTS_FL | EXT4_INLINE_DATA_FL;
	_cleanup_free_ char *target = NULL;
	int r = 0;

	if (inode->size == 0 || inode->size > EXT4R_LINK_MAX)
		return err_set(err, -EBADMSG, "it is a symbolic link of %llu bytes",
			       (unsigned long long)inode->size);
	if (inode->size < IN_INODE && !(inode->flags & has_blocks))
		target = xstrndup((const char *)raw->i_block, inode->size);
	else
		r = ext4r_slurp(fs, inode, EXT4R_LINK_MAX, &target, err);
	if (r < 0)
		return r;
	if (strlen(target) != inode->size)
		return err_set(err, -EBADMSG, "it is a symbolic link with a NUL in it");
	*ret = take_ptr(target);
	return 0;
}
