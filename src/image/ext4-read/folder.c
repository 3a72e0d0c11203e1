/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "base/mem.h"
#include "image/ext4-read/impl.h"

/*
 * directory.rst. The nodes of an index look like blocks in which nothing is used, so who reads one block
 * after the other finds all names.
 */

#define DIRENT_MIN   8u
#define IN_INODE     sizeof(((struct ext2_inode_large *)0)->i_block)
#define INLINE_DOTS  4u /* the parent's number is in front */
#define NAMES_TO_SEE 2u /* "." and ".." */

/* struct reader - @dots: how many of "." and ".." have been seen */
struct reader {
	struct ext4r *fs;
	const struct ext4r_inode *inode;
	uint32_t parent;
	unsigned int dots;
	struct ext4r_folder *ret;
	struct err *err;
};

void ext4r_folder_done(struct ext4r_folder *f)
{
	free(take_ptr(f->v));
	free(take_ptr(f->text));
	f->n = f->room = f->text_len = f->text_room = 0;
}

static int damaged(const struct reader *r)
{
	return err_set(r->err, -EBADMSG, "the folder is damaged");
}

static void append(struct ext4r_folder *f, uint32_t ino, const char *name, size_t len)
{
	if (f->n == f->room) {
		f->room = f->room ? 2 * f->room : 32;
		f->v = xreallocarray(f->v, f->room, sizeof(*f->v));
	}
	if (f->text_room - f->text_len < len + 1) {
		f->text_room = 2 * f->text_room + 1024;
		f->text = xreallocarray(f->text, f->text_room, 1);
	}
	f->v[f->n++] = (struct ext4r_name){ino, (uint32_t)f->text_len};
	memcpy(f->text + f->text_len, name, len);
	f->text[f->text_len + len] = '\0';
	f->text_len += len + 1;
}

static int add_dots(struct reader *r, uint32_t ino)
{
	uint32_t want = r->dots == 0 ? r->inode->ino : r->parent;

	r->dots++;
	if (ino == want)
		return 0;
	return err_set(r->err, -EBADMSG, "the folder is in more than one place");
}

static int add(struct reader *r, uint32_t ino, const char *name, size_t len)
{
	bool dots = len > 0 && len <= NAMES_TO_SEE && memcmp(name, "..", len) == 0;

	/* They are the first two, and nowhere else. */
	if (dots != (r->dots < NAMES_TO_SEE) || (dots && len != r->dots + 1))
		return damaged(r);
	if (dots)
		return add_dots(r, ino);
	if (len == 0 || memchr(name, '/', len) || memchr(name, '\0', len))
		return err_set(r->err, -EBADMSG, "the folder has a name in it that is none");
	if (ino < EXT2_FIRST_INO(r->fs->fs->super) || ino > r->fs->inodes)
		return err_set(r->err, -EBADMSG, "the folder names an inode %u, which is no file's",
			       ino);
	append(r->ret, ino, name, len);
	return 0;
}

/* With blocks of 64 KiB the length of one does not fit 16 bits. */
static uint32_t length_of(const struct ext4r *fs, uint16_t len)
{
	if (fs->block < 65536)
		return len;
	if (len == 0 || len == 65535)
		return fs->block;
	return (len & 65532u) | (len & 3u) << 16;
}

static int add_names(struct reader *r, const char *p, size_t size)
{
	struct ext2_dir_entry_2 e;
	int result = 0;

	while (size > 0 && result == 0) {
		uint32_t len;

		if (size < DIRENT_MIN)
			return damaged(r);
		memcpy(&e, p, DIRENT_MIN);
		len = length_of(r->fs, e.rec_len);
		if (len < DIRENT_MIN || len % 4 || len > size || DIRENT_MIN + e.name_len > len)
			return damaged(r);
		if (e.inode)
			result = add(r, e.inode, p + DIRENT_MIN, e.name_len);
		p += len;
		size -= len;
	}
	return result;
}

static int add_block(struct reader *r, struct ext4r_content *c, size_t i, uint64_t at, char *block)
{
	struct ext4r *fs = r->fs;
	int result = ext4r_read(fs, c, i, at, block, fs->block, r->err);

	if (result < 0)
		return result;
	if (!ext2fs_dir_block_csum_verify(fs->fs, r->inode->ino, (struct ext2_dir_entry *)block))
		return err_set(r->err, -EBADMSG, "the checksum of the folder is wrong");
	return add_names(r, block, fs->block);
}

static int add_blocks(struct reader *r)
{
	_cleanup_ext4r_content_ struct ext4r_content c = EXT4R_CONTENT_NULL;
	_cleanup_free_ char *block = xmalloc(r->fs->block);
	uint64_t end = 0;
	int result = ext4r_content(r->fs, r->inode, &c, r->err);

	for (size_t i = 0; i < c.n && result == 0; i++) {
		if (c.v[i].offset != end)
			return damaged(r);
		for (uint64_t at = 0; at < c.v[i].len && result == 0; at += r->fs->block)
			result = add_block(r, &c, i, at, block);
		end += c.v[i].len;
	}
	return result == 0 && end != r->inode->size ? damaged(r) : result;
}

static int add_inline(struct reader *r)
{
	const char *i_block = (const char *)((struct ext2_inode_large *)r->inode->raw)->i_block;
	_cleanup_free_ char *rest = NULL;
	size_t rest_len = 0;
	uint32_t parent;
	int result;

	memcpy(&parent, i_block, sizeof(parent));
	r->dots = 1;
	result = add_dots(r, parent);
	if (result == 0)
		result = add_names(r, i_block + INLINE_DOTS, IN_INODE - INLINE_DOTS);
	if (result == 0)
		result = ext4r_inline_rest(r->fs, r->inode, &rest, &rest_len, r->err);
	return result < 0 ? result : add_names(r, rest, rest_len);
}

static int compare(const void *pa, const void *pb, void *text)
{
	const struct ext4r_name *a = pa, *b = pb;

	return strcmp((char *)text + a->at, (char *)text + b->at);
}

static int sort(struct reader *r)
{
	struct ext4r_folder *f = r->ret;

	if (f->n > 0)
		qsort_r(f->v, f->n, sizeof(*f->v), compare, f->text);
	for (size_t i = 1; i < f->n; i++)
		if (compare(&f->v[i - 1], &f->v[i], f->text) == 0)
			return err_set(r->err, -EBADMSG, "the folder has a name twice");
	return 0;
}

int ext4r_folder(struct ext4r *fs, const struct ext4r_inode *inode, uint32_t parent,
		 struct ext4r_folder *ret, struct err *err)
{
	struct reader r = {.fs = fs, .inode = inode, .parent = parent, .ret = ret, .err = err};
	bool in_inode = inode->flags & EXT4_INLINE_DATA_FL;
	int result;

	if (!S_ISDIR(inode->mode))
		return err_set(err, -ENOTDIR, "it is no folder");
	if (inode->size > EXT4R_FOLDER_MAX)
		return err_set(err, -EFBIG, "the folder has more than %u bytes", EXT4R_FOLDER_MAX);
	if (!in_inode && inode->size % fs->block)
		return damaged(&r);
	result = in_inode ? add_inline(&r) : add_blocks(&r);
	if (result == 0 && r.dots < NAMES_TO_SEE)
		return damaged(&r);
	return result < 0 ? result : sort(&r);
}

uint32_t ext4r_find(const struct ext4r_folder *f, const char *name)
{
	size_t from = 0, to = f->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = strcmp(name, f->text + f->v[middle].at);

		if (order == 0)
			return f->v[middle].ino;
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return 0;
}
