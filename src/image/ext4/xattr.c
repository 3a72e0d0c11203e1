/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/parse.h"
#include "image/ext4/impl.h"
#include "image/xattr.h"

/*
 * attributes.rst. In the inode, behind its fields, there is room for some; what does not fit in
 * there, goes to one block. Until then they are in memory in a list of their own, sorted as in a
 * block, with values as on the disk.
 */

#define IN_INODE_MAGIC 4u
#define IN_INODE_ROOM  (EXT4_INODE_SIZE - 128u - EXT4_INODE_EXTRA - IN_INODE_MAGIC)
#define IN_BLOCK_ROOM  (EXT4_BLOCK - (uint32_t)sizeof(struct ext2_ext_attr_header))
#define END_MARK       4u

/* struct list - @block: where those are that do not fit into the inode; @n: how many there are */
struct list {
	uint32_t block, n;
};

/* struct item - in @fs->xattrs, followed by name and value */
struct item {
	uint16_t len;
	uint8_t index, name_len, in_inode;
};

/* attributes.rst, "Attribute Name Indices" */
enum { USER = 1, ACL_ACCESS = 2, ACL_DEFAULT = 3, TRUSTED = 4, SECURITY = 6 };
static const struct {
	const char *prefix;
	uint8_t index;
	bool whole;
} namespaces[] = {
	{"user.", USER, false},
	{"system.posix_acl_access", ACL_ACCESS, true},
	{"system.posix_acl_default", ACL_DEFAULT, true},
	{"trusted.", TRUSTED, false},
	{"security.", SECURITY, false},
};

/*
 * struct sorted - one being added. @name: behind its prefix; @own: what @value is in, if it is to
 * be freed; @is_new: it was not there before
 */
struct sorted {
	struct item item;
	const char *name;
	const void *value;
	void *own;
	size_t at;
	bool is_new;
};

static int find_namespace(const char *name, struct sorted *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		const char *rest = str_starts(name, namespaces[i].prefix);

		if (!rest || (namespaces[i].whole ? *rest != '\0' : *rest == '\0'))
			continue;
		if (strlen(name) > 255)
			return -ERANGE;
		s->name = rest;
		s->item.index = namespaces[i].index;
		s->item.name_len = (uint8_t)strlen(rest);
		return 0;
	}
	return -ENOTSUP;
}

/* Linux takes no others (security/commoncap.c). */
static bool is_capability(const void *value, size_t len)
{
	uint32_t magic;

	if (len != XATTR_CAPS_SZ_2 && len != XATTR_CAPS_SZ_3)
		return false;
	memcpy(&magic, value, sizeof(magic));
	magic = le32toh(magic) & VFS_CAP_REVISION_MASK;
	return magic == (len == XATTR_CAPS_SZ_2 ? VFS_CAP_REVISION_2 : VFS_CAP_REVISION_3);
}

static int convert_acl(struct ext4_node *node, const struct xattr *x, struct sorted *s)
{
	bool access = s->item.index == ACL_ACCESS;
	ssize_t n;

	if (S_ISLNK(node->mode))
		return -ENOTSUP;
	if (!access && !S_ISDIR(node->mode))
		return -EACCES;
	s->value = s->own = xmalloc(x->len + 1);
	n = ext4_acl(x->value, x->len, s->own, access ? &node->mode : NULL);
	if (n >= 0)
		s->item.len = (uint16_t)n;
	return n < 0 ? (int)n : 0;
}

static int convert(struct ext4_node *node, const struct xattr *x, struct sorted *s)
{
	int r = find_namespace(x->name, s);

	if (r < 0)
		return r;
	if (x->len > EXT4_BLOCK)
		return -E2BIG;
	if (s->item.index == ACL_ACCESS || s->item.index == ACL_DEFAULT)
		return convert_acl(node, x, s);
	if (s->item.index == USER && !S_ISREG(node->mode) && !S_ISDIR(node->mode))
		return -EPERM;
	if (s->item.index == SECURITY && strcmp(s->name, "capability") == 0 &&
	    !is_capability(x->value, x->len))
		return -EINVAL;
	s->value = x->value;
	s->item.len = (uint16_t)x->len;
	return 0;
}

static int compare_names(const struct sorted *a, const struct sorted *b)
{
	if (a->item.index != b->item.index)
		return a->item.index - b->item.index;
	if (a->item.name_len != b->item.name_len)
		return a->item.name_len - b->item.name_len;
	return memcmp(a->name, b->name, a->item.name_len);
}

static int compare(const void *pa, const void *pb)
{
	const struct sorted *a = pa, *b = pb;
	int r = compare_names(a, b);

	if (r == 0 && a->is_new != b->is_new)
		return a->is_new ? 1 : -1;
	return r ? r : a->at < b->at ? -1 : a->at > b->at;
}

/* Of those with the same name, the last one counts. Return: how many are left. */
static size_t drop_doubles(struct sorted *v, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && compare_names(&v[i], &v[i + 1]) == 0)
			free(v[i].own);
		else
			v[left++] = v[i];
	}
	return left;
}

static uint32_t room_for(const struct item *item)
{
	return EXT2_EXT_ATTR_LEN(item->name_len) + EXT2_EXT_ATTR_SIZE(item->len);
}

/* Decides what goes where. */
static int fit(struct sorted *v, size_t n, size_t *ret_bad)
{
	uint32_t inode = IN_INODE_ROOM - END_MARK, block = IN_BLOCK_ROOM - END_MARK;

	for (size_t i = 0; i < n; i++) {
		uint32_t len = room_for(&v[i].item);

		v[i].item.in_inode = len <= inode;
		if (len <= inode)
			inode -= len;
		else if (len <= block)
			block -= len;
		else {
			if (v[i].is_new)
				*ret_bad = v[i].at;
			return -E2BIG;
		}
	}
	return 0;
}

static int keep(struct ext4 *fs, uint32_t node, const struct sorted *v, size_t n)
{
	struct list list = {.n = (uint32_t)n};
	size_t len = sizeof(list);
	uint32_t at;
	char *p;
	int r;

	for (size_t i = 0; i < n; i++)
		len += sizeof(v[i].item) + v[i].item.name_len + v[i].item.len;
	r = ext4_arena_add(&fs->xattrs, len, &at);
	if (r < 0)
		return r;
	p = mempcpy(fs->xattrs.p + at, &list, sizeof(list));
	for (size_t i = 0; i < n; i++) {
		p = mempcpy(p, &v[i].item, sizeof(v[i].item));
		p = mempcpy(p, v[i].name, v[i].item.name_len);
		p = mempcpy(p, v[i].value, v[i].item.len);
	}
	ext4_node(fs, node)->xattrs = at;
	return 0;
}

static struct list list_of(const struct ext4 *fs, uint32_t at)
{
	struct list list = {.n = 0};

	if (at)
		memcpy(&list, fs->xattrs.p + at, sizeof(list));
	return list;
}

/* Those that it has already, in memory that does not move. Return: what they are in, to free. */
static char *read_back(const struct ext4 *fs, uint32_t at, struct sorted *v, size_t n)
{
	const char *p = fs->xattrs.p + at + sizeof(struct list), *end = p;
	struct item item;
	char *copy;

	for (size_t i = 0; i < n; i++) {
		memcpy(&item, end, sizeof(item));
		end += sizeof(item) + item.name_len + item.len;
	}
	copy = xmalloc((size_t)(end - p) + 1);
	memcpy(copy, p, (size_t)(end - p));
	p = copy;
	for (size_t i = 0; i < n; i++) {
		memcpy(&v[i].item, p, sizeof(item));
		v[i].name = p + sizeof(item);
		v[i].value = v[i].name + v[i].item.name_len;
		p = (const char *)v[i].value + v[i].item.len;
	}
	return copy;
}

/* @v: @old ones that it has, and room for the others behind them */
static int set(struct ext4 *fs, uint32_t node, struct sorted *v, size_t old,
	       const struct xattr *xattrs, size_t n, size_t *ret_bad)
{
	size_t all = old + n, left = all;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		/* Of the old ones none is at fault. */
		v[old + i].at = *ret_bad = i;
		v[old + i].is_new = true;
		r = convert(ext4_node(fs, node), &xattrs[i], &v[old + i]);
	}
	if (r == 0) {
		qsort(v, all, sizeof(*v), compare);
		left = drop_doubles(v, all);
		r = fit(v, left, ret_bad);
	}
	if (r == 0 && left > 0)
		r = keep(fs, node, v, left);
	for (size_t i = 0; i < left; i++)
		free(v[i].own);
	return r;
}

int ext4_set_xattrs(struct ext4 *fs, uint32_t node, const struct xattr *xattrs, size_t n,
		    size_t *ret_bad)
{
	uint32_t at = ext4_node(fs, node)->xattrs;
	size_t old = list_of(fs, at).n;
	_cleanup_free_ struct sorted *v = xcalloc(old + n, sizeof(*v));
	char *copy = old > 0 ? read_back(fs, at, v, old) : NULL;
	int r = set(fs, node, v, old, xattrs, n, ret_bad);

	free(copy);
	return r;
}

static uint32_t hash_entry(const struct ext2_ext_attr_entry *e, const char *name, const char *value)
{
	uint32_t hash = 0, word;

	for (size_t i = 0; i < e->e_name_len; i++)
		hash = hash << 5 ^ hash >> 27 ^ (unsigned char)name[i];
	for (size_t i = 0; i < e->e_value_size; i += sizeof(word)) {
		memcpy(&word, value + i, sizeof(word));
		hash = hash << 16 ^ hash >> 16 ^ word;
	}
	return hash;
}

/* struct area - entries grow up from @at, values down from @end. @base: offsets count from there */
struct area {
	char *base;
	uint32_t at, end;
};

static uint32_t add(struct area *a, const struct item *item, const char *name, const char *value)
{
	struct ext2_ext_attr_entry *e = (struct ext2_ext_attr_entry *)(a->base + a->at);

	a->end -= EXT2_EXT_ATTR_SIZE(item->len);
	e->e_name_len = item->name_len;
	e->e_name_index = item->index;
	e->e_value_size = item->len;
	e->e_value_offs = (uint16_t)(item->len > 0 ? a->end : 0);
	memcpy(e + 1, name, item->name_len);
	memcpy(a->base + a->end, value, item->len);
	e->e_hash = hash_entry(e, name, a->base + a->end);
	a->at += EXT2_EXT_ATTR_LEN(item->name_len);
	return e->e_hash;
}

/* @hash: of all entries, as in a block's header. Return: whether there were any. */
static bool add_all(const struct ext4 *fs, uint32_t at, bool in_inode, struct area *a,
		    uint32_t *ret_hash)
{
	const char *p = fs->xattrs.p + at;
	bool any = false, zero = false;
	struct list list = list_of(fs, at);
	struct item item;

	p += sizeof(list);
	*ret_hash = 0;
	for (; list.n > 0; list.n--) {
		memcpy(&item, p, sizeof(item));
		p += sizeof(item);
		if (item.in_inode == in_inode) {
			uint32_t hash = add(a, &item, p, p + item.name_len);

			*ret_hash = *ret_hash << 16 ^ *ret_hash >> 16 ^ hash;
			zero |= hash == 0;
			any = true;
		}
		p += item.name_len + item.len;
	}
	if (zero)
		*ret_hash = 0;
	return any;
}

int ext4_xattrs_place(struct ext4 *fs, uint32_t node)
{
	_Alignas(uint32_t) char block[EXT4_BLOCK] = {0};
	struct ext2_ext_attr_header *header = (struct ext2_ext_attr_header *)block;
	struct area area = {.base = block, .at = sizeof(*header), .end = EXT4_BLOCK};
	uint32_t at = ext4_node(fs, node)->xattrs, start;
	int r;

	if (!at || !add_all(fs, at, false, &area, &header->h_hash))
		return 0;
	header->h_magic = EXT2_EXT_ATTR_MAGIC;
	header->h_refcount = header->h_blocks = 1;
	r = ext4_block_put(fs, block, &start);
	if (r == 0)
		memcpy(fs->xattrs.p + at + offsetof(struct list, block), &start, sizeof(start));
	return r;
}

uint32_t ext4_xattrs_inode(const struct ext4 *fs, const struct ext4_node *node, void *in_inode)
{
	struct area area = {.base = (char *)in_inode + IN_INODE_MAGIC, .end = IN_INODE_ROOM};
	const uint32_t magic = EXT2_EXT_ATTR_MAGIC;
	uint32_t hash;

	if (!node->xattrs)
		return 0;
	if (add_all(fs, node->xattrs, true, &area, &hash))
		memcpy(in_inode, &magic, sizeof(magic));
	return list_of(fs, node->xattrs).block;
}
