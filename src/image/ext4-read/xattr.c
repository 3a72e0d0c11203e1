/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ext4-read/impl.h"

#include <errno.h>
#include <ext2fs/ext2_ext_attr.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"

/* attributes.rst */

enum { ACL_ACCESS = 2, ACL_DEFAULT = 3, SYSTEM = 7, ENCRYPTION = 9 };

static const struct {
	const char *prefix;
	uint8_t index;
	bool whole;
} namespaces[] = {
	{"user.", 1, false},
	{"system.posix_acl_access", ACL_ACCESS, true},
	{"system.posix_acl_default", ACL_DEFAULT, true},
	{"trusted.", 4, false},
	{"security.", 6, false},
	{"system.", SYSTEM, false},
	{"system.richacl", 8, true},
};

/* struct area - where entries are: from @at on, up to @size. Offsets of values count from @values. */
struct area {
	const char *base;
	size_t at, size, values;
};

/* struct item - an entry. @value: NULL: it is in the inode @inum */
struct item {
	uint8_t index, name_len;
	const char *name, *value;
	uint32_t inum;
	size_t len;
};

static int damaged(struct err *err)
{
	return err_set(err, -EBADMSG, "its extended attributes are damaged");
}

/* Return: 1, 0 at the end, or negative errno, with a message. */
static int next(struct area *a, struct item *ret, struct err *err)
{
	struct ext2_ext_attr_entry e;
	uint32_t first;

	if (a->size - a->at < sizeof(first))
		return damaged(err);
	memcpy(&first, a->base + a->at, sizeof(first));
	if (first == 0)
		return 0;
	if (a->size - a->at < sizeof(e))
		return damaged(err);
	memcpy(&e, a->base + a->at, sizeof(e));
	if (EXT2_EXT_ATTR_LEN(e.e_name_len) > a->size - a->at)
		return damaged(err);
	if (e.e_value_size > EXT4R_XATTR_MAX)
		return damaged(err);
	*ret = (struct item){.index = e.e_name_index,
			     .name_len = e.e_name_len,
			     .name = a->base + a->at + sizeof(e),
			     .inum = e.e_value_inum,
			     .len = e.e_value_size};
	a->at += EXT2_EXT_ATTR_LEN(e.e_name_len);
	if (e.e_value_inum)
		return 1;
	if (a->values > a->size || e.e_value_offs > a->size - a->values ||
	    e.e_value_size > a->size - a->values - e.e_value_offs)
		return damaged(err);
	ret->value = a->base + a->values + e.e_value_offs;
	return 1;
}

/* What is behind an inode's fields. Return: whether there is anything. */
static bool area_in_inode(const struct ext4r *fs, const struct ext4r_inode *inode, struct area *ret)
{
	const struct ext2_inode_large *raw = inode->raw;
	uint32_t magic;

	if (ext4r_inode_size(fs) <= EXT2_GOOD_OLD_INODE_SIZE)
		return false;
	ret->base = inode->raw;
	ret->size = ext4r_inode_size(fs);
	ret->at = EXT2_GOOD_OLD_INODE_SIZE + raw->i_extra_isize;
	if (ret->size - ret->at < sizeof(magic))
		return false;
	memcpy(&magic, ret->base + ret->at, sizeof(magic));
	ret->at += sizeof(magic);
	ret->values = ret->at;
	return magic == EXT2_EXT_ATTR_MAGIC;
}

static bool is_inline_data(const struct item *item)
{
	return item->index == SYSTEM && item->name_len == 4 && memcmp(item->name, "data", 4) == 0;
}

int ext4r_inline_rest(struct ext4r *fs, const struct ext4r_inode *inode, char **ret,
		      size_t *ret_len, struct err *err)
{
	struct item item;
	struct area a;
	int r;

	if (!area_in_inode(fs, inode, &a))
		return 0;
	while ((r = next(&a, &item, err)) > 0) {
		if (!is_inline_data(&item))
			continue;
		if (!item.value)
			return damaged(err);
		*ret = xmalloc(item.len + 1);
		memcpy(*ret, item.value, item.len);
		*ret_len = item.len;
		return 0;
	}
	return r;
}

static int name_of(const struct item *item, char **ret, struct err *err)
{
	if (memchr(item->name, '\0', item->name_len))
		return damaged(err);
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		if (namespaces[i].index != item->index)
			continue;
		if (namespaces[i].whole != (item->name_len == 0))
			return damaged(err);
		*ret = xasprintf("%s%.*s", namespaces[i].prefix, item->name_len, item->name);
		return 0;
	}
	if (item->index == ENCRYPTION)
		return err_set(err, -ENOTSUP, "it is encrypted or compressed");
	return err_set(err, -ENOTSUP,
		       "it has an extended attribute of a kind that is not known here");
}

/* EXT4_FEATURE_INCOMPAT_EA_INODE: what is too large for a block. */
static int value_in_inode(struct ext4r *fs, const struct item *item, char **ret, struct err *err)
{
	_cleanup_ext4r_inode_ struct ext4r_inode inode = EXT4R_INODE_NULL;
	/* Others may have the same: it is nobody's. */
	uint64_t left = EXT4R_XATTR_MAX / fs->block * 2 + 8;
	int r = ext4r_inode_any(fs, item->inum, &inode, err);

	if (r < 0)
		return r;
	if (!(inode.flags & EXT4_EA_INODE_FL) || inode.size != item->len)
		return damaged(err);
	return ext4r_slurp_of(fs, &inode, &left, EXT4R_XATTR_MAX, ret, err);
}

static int value_of(struct ext4r *fs, const struct item *item, char **ret, size_t *ret_len,
		    struct err *err)
{
	*ret_len = item->len;
	if (!item->value)
		return value_in_inode(fs, item, ret, err);
	if (item->index == ACL_ACCESS || item->index == ACL_DEFAULT)
		return ext4r_acl(item->value, item->len, ret, ret_len) < 0
			       ? err_set(err, -EBADMSG, "its ACL is damaged")
			       : 0;
	*ret = xmalloc(item->len + 1);
	memcpy(*ret, item->value, item->len);
	return 0;
}

static int add(struct ext4r *fs, const struct item *item, struct ext4r_xattrs *x, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	char *value = NULL;
	size_t len;
	int r;

	/* Files may share values: not too many of them. */
	x->bytes += item->len;
	if (x->bytes > EXT4R_XATTRS_MAX)
		return err_set(err, -EFBIG, "its extended attributes have more than %u bytes",
			       EXT4R_XATTRS_MAX);
	r = name_of(item, &name, err);
	if (r == 0)
		r = value_of(fs, item, &value, &len, err);
	if (r < 0)
		return r;
	if (x->n == x->room) {
		x->room = x->room ? 2 * x->room : 8;
		x->v = xreallocarray(x->v, x->room, sizeof(*x->v));
	}
	x->v[x->n++] = (struct tar_xattr){take_ptr(name), value, len};
	return 0;
}

static int add_all(struct ext4r *fs, struct area *a, struct ext4r_xattrs *x, struct err *err)
{
	struct item item;
	int r;

	while ((r = next(a, &item, err)) > 0) {
		r = is_inline_data(&item) ? 0 : add(fs, &item, x, err);
		if (r < 0)
			break;
	}
	return r;
}

static int add_block(struct ext4r *fs, const struct ext4r_inode *inode, struct ext4r_xattrs *x,
		     struct err *err)
{
	_cleanup_free_ struct ext2_ext_attr_header *block = NULL;
	struct area a = {.at = sizeof(*block), .size = fs->block};
	int r;

	if (!ext4r_is_block(fs, inode->xattr_block, 1))
		return err_set(err, -EBADMSG,
			       "its extended attributes are outside of the file system");
	a.base = (const char *)(block = xmalloc(fs->block));
	r = ext4r_read_block(fs, inode->xattr_block, block, err);
	if (r < 0)
		return r;
	if (block->h_magic != EXT2_EXT_ATTR_MAGIC || block->h_blocks != 1)
		return damaged(err);
	if (!ext2fs_ext_attr_block_csum_verify(fs->fs, inode->ino, inode->xattr_block, block))
		return err_set(err, -EBADMSG, "the checksum of its extended attributes is wrong");
	return add_all(fs, &a, x, err);
}

static int compare(const void *pa, const void *pb)
{
	const struct tar_xattr *a = pa, *b = pb;

	return strcmp(a->name, b->name);
}

int ext4r_xattrs(struct ext4r *fs, const struct ext4r_inode *inode, struct ext4r_xattrs *x,
		 struct err *err)
{
	struct area a;
	int r = 0;

	if (area_in_inode(fs, inode, &a))
		r = add_all(fs, &a, x, err);
	if (r == 0 && inode->xattr_block)
		r = add_block(fs, inode, x, err);
	if (r < 0 || x->n == 0)
		return r;
	qsort(x->v, x->n, sizeof(*x->v), compare);
	for (size_t i = 1; i < x->n; i++)
		if (strcmp(x->v[i - 1].name, x->v[i].name) == 0)
			return damaged(err);
	return 0;
}

void ext4r_xattrs_done(struct ext4r_xattrs *x)
{
	for (size_t i = 0; i < x->n; i++) {
		free((void *)x->v[i].name);
		free((void *)x->v[i].value);
	}
	free(take_ptr(x->v));
	x->n = x->room = x->bytes = 0;
}
