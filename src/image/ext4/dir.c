/* SPDX-License-Identifier: Apache-2.0 */
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/ext4/impl.h"

/* directory.rst, "Linear (Classic) Directories": blocks full of names. */

static uint8_t file_type(mode_t mode)
{
	static const uint8_t types[] = {
		[S_IFREG >> 12] = EXT2_FT_REG_FILE, [S_IFDIR >> 12] = EXT2_FT_DIR,
		[S_IFCHR >> 12] = EXT2_FT_CHRDEV,   [S_IFBLK >> 12] = EXT2_FT_BLKDEV,
		[S_IFIFO >> 12] = EXT2_FT_FIFO,	    [S_IFSOCK >> 12] = EXT2_FT_SOCK,
		[S_IFLNK >> 12] = EXT2_FT_SYMLINK,
	};
	size_t i = (mode & S_IFMT) >> 12;

	return i < ARRAY_SIZE(types) ? types[i] : EXT2_FT_UNKNOWN;
}

void ext4_dirblock_add(struct ext4_dirblock *b, uint32_t ino, const char *name, uint8_t len,
		       mode_t mode)
{
	struct ext2_dir_entry_2 *e = (struct ext2_dir_entry_2 *)(b->data + b->at);

	e->inode = ino;
	e->rec_len = (uint16_t)ext4_dirent_len(len);
	e->name_len = len;
	e->file_type = file_type(mode);
	memcpy(e->name, name, len);
	b->last = b->at;
	b->at += e->rec_len;
}

void ext4_dirblock_end(struct ext4_dirblock *b)
{
	struct ext2_dir_entry_2 *e = (struct ext2_dir_entry_2 *)(b->data + b->last);

	e->rec_len = (uint16_t)(EXT4_BLOCK - b->last);
}

static int put(struct ext4 *fs, struct ext4_dirblock *b, uint64_t *offset)
{
	int r;

	ext4_dirblock_end(b);
	r = ext4_data_put(fs, b->data, EXT4_BLOCK, *offset);
	*offset += EXT4_BLOCK;
	memset(b, 0, sizeof(*b));
	return r;
}

static int place_linear(struct ext4 *fs, uint32_t dir, uint64_t size)
{
	_Alignas(struct ext2_dir_entry_2) struct ext4_dirblock b = {.at = 0};
	uint64_t offset = 0;
	int r = 0;

	ext4_dirblock_add(&b, ext4_node(fs, dir)->ino, ".", 1, S_IFDIR);
	ext4_dirblock_add(&b, ext4_node(fs, ext4_parent(fs, dir))->ino, "..", 2, S_IFDIR);
	ext4_data_begin(fs, dir, size);
	for (uint32_t i = ext4_entry_first(fs, dir); i && r == 0; i = ext4_entry_next(fs, i)) {
		const struct ext4_entry *e = ext4_entry(fs, i);
		const struct ext4_node *node = ext4_node(fs, e->node);

		if (b.at + ext4_dirent_len(e->len) > EXT4_BLOCK)
			r = put(fs, &b, &offset);
		if (r == 0)
			ext4_dirblock_add(&b, node->ino, ext4_entry_name(fs, e), e->len,
					  node->mode);
	}
	if (r == 0)
		r = put(fs, &b, &offset);
	return r < 0 ? r : ext4_data_end(fs, offset);
}

/* "Hash Tree Directories": half MD4 of the name, whose bytes have no sign. */
static void hash(const struct ext4 *fs, uint32_t entry, struct ext4_hashed *ret)
{
	const struct ext4_entry *e = ext4_entry(fs, entry);

	ret->entry = entry;
	(void)ext2fs_dirhash(EXT2_HASH_HALF_MD4_UNSIGNED, ext4_entry_name(fs, e), e->len,
			     fs->hash_seed, &ret->hash, &ret->minor);
}

static int compare(const void *pa, const void *pb)
{
	const struct ext4_hashed *a = pa, *b = pb;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? -1 : 1;
	return a->entry < b->entry ? -1 : a->entry > b->entry;
}

static int place_indexed(struct ext4 *fs, uint32_t dir, uint32_t n)
{
	_cleanup_free_ struct ext4_hashed *v = xcalloc(n, sizeof(*v));
	uint32_t at = 0;

	for (uint32_t i = ext4_entry_first(fs, dir); i; i = ext4_entry_next(fs, i))
		hash(fs, i, &v[at++]);
	qsort(v, n, sizeof(*v), compare);
	return ext4_htree_place(fs, dir, v, n);
}

int ext4_dir_place(struct ext4 *fs, uint32_t dir)
{
	uint64_t bytes = ext4_dirent_len(1) + ext4_dirent_len(2), size;
	uint32_t n = 0;
	int r;

	ext4_node(fs, dir)->mark = 0;
	for (uint32_t i = ext4_entry_first(fs, dir); i; i = ext4_entry_next(fs, i)) {
		bytes += ext4_dirent_len(ext4_entry(fs, i)->len);
		n++;
	}
	if (bytes > EXT4_BLOCK) {
		r = place_indexed(fs, dir, n);
		if (r != -EFBIG)
			return r;
	}
	ext4_node(fs, dir)->mark = bytes > EXT4_BLOCK ? EXT4_MARK_LINEAR : 0;
	/* At the end of a block there is less room wasted than the longest name takes. */
	size = bytes <= EXT4_BLOCK ? EXT4_BLOCK
				   : bytes + bytes / (EXT4_BLOCK - 264) * 264 + EXT4_BLOCK;
	return place_linear(fs, dir, size + (EXT4_BLOCK - size % EXT4_BLOCK) % EXT4_BLOCK);
}
