/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/parse.h"
#include "tar/number.h"
#include "tar/read-state.h"

#define XATTR_PREFIX "SCHILY.xattr."

/* All get a string, which may have NULs in it: @len is without the one at its end. */
typedef int (*take_fn)(struct tar_reader *r, char *value, size_t len);

static int take_name(char *field, size_t size, const char *value, size_t len, bool *has)
{
	if (len == 0 || memchr(value, '\0', len))
		return -EBADMSG;
	if (len >= size)
		return -E2BIG;
	memcpy(field, value, len + 1);
	*has = true;
	return 0;
}

static int take_path(struct tar_reader *r, char *value, size_t len)
{
	return r->sparse ? 0 : take_name(r->path, sizeof(r->path), value, len, &r->has_path);
}

static int take_sparse_name(struct tar_reader *r, char *value, size_t len)
{
	r->sparse = true;
	return take_name(r->path, sizeof(r->path), value, len, &r->has_path);
}

static int take_link(struct tar_reader *r, char *value, size_t len)
{
	return take_name(r->link, sizeof(r->link), value, len, &r->has_link);
}

static int take_size(struct tar_reader *r, char *value, size_t len _unused_)
{
	r->has_size = true;
	return tar_number_text(value, INT64_MAX, &r->size);
}

static int take_owner(const char *value, uint32_t *ret, bool *has)
{
	uint64_t id;
	int e = tar_number_text(value, UINT32_MAX - 1, &id);

	*ret = (uint32_t)id;
	*has = true;
	return e;
}

static int take_uid(struct tar_reader *r, char *value, size_t len _unused_)
{
	return take_owner(value, &r->member.uid, &r->has_uid);
}

static int take_gid(struct tar_reader *r, char *value, size_t len _unused_)
{
	return take_owner(value, &r->member.gid, &r->has_gid);
}

static int take_mtime(struct tar_reader *r, char *value, size_t len _unused_)
{
	r->has_mtime = true;
	return tar_number_time(value, &r->member.mtime);
}

static int take_major(struct tar_reader *r, char *value, size_t len _unused_)
{
	r->sparse = true;
	return tar_number_text(value, INT64_MAX, &r->sparse_major);
}

static int take_minor(struct tar_reader *r, char *value, size_t len _unused_)
{
	r->sparse = true;
	return tar_number_text(value, INT64_MAX, &r->sparse_minor);
}

static int take_real_size(struct tar_reader *r, char *value, size_t len _unused_)
{
	r->sparse = r->has_real_size = true;
	return tar_number_text(value, INT64_MAX, &r->real_size);
}

/* GNU's formats 0.0 and 0.1, which nobody has written since 2006. */
static int refuse(struct tar_reader *r _unused_, char *value _unused_, size_t len _unused_)
{
	return -EOPNOTSUPP;
}

static const struct {
	const char *key;
	take_fn take;
} keys[] = {
	{"path", take_path},
	{"linkpath", take_link},
	{"size", take_size},
	{"uid", take_uid},
	{"gid", take_gid},
	{"mtime", take_mtime},
	{"GNU.sparse.major", take_major},
	{"GNU.sparse.minor", take_minor},
	{"GNU.sparse.name", take_sparse_name},
	{"GNU.sparse.realsize", take_real_size},
	{"GNU.sparse.map", refuse},
	{"GNU.sparse.numblocks", refuse},
	{"GNU.sparse.offset", refuse},
};

/* "%3D" and "%25", as GNU tar escapes "=" and "%". In place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		bool equals = !strncmp(s, "%3D", 3);

		*to++ = equals ? '=' : *s;
		if (equals || !strncmp(s, "%25", 3))
			s += 2;
	}
	*to = '\0';
}

static int take_xattr(struct tar_reader *r, char *name, const char *value, size_t len)
{
	size_t i = 0;

	unescape(name);
	if (!*name)
		return -EBADMSG;
	while (i < r->n_xattrs && strcmp(r->xattrs[i].name, name) != 0)
		i++;
	if (i == TAR_READ_XATTRS_MAX)
		return -E2BIG;
	r->xattrs[i] = (struct tar_xattr){name, value, len};
	r->n_xattrs = MAX(r->n_xattrs, i + 1);
	return 0;
}

static int take(struct tar_reader *r, char *key, char *value, size_t len)
{
	const char *name = str_starts(key, XATTR_PREFIX);

	if (name)
		return take_xattr(r, key + (name - key), value, len);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(key, keys[i].key) == 0)
			return keys[i].take(r, value, len);
	return 0;
}

/*
 * The record at @at: "LENGTH KEY=VALUE\n". Return: how long it is, with key and value made strings; or
 * negative errno.
 */
static ssize_t cut(char *at, size_t left, char **ret_key, char **ret_value)
{
	char *space = memchr(at, ' ', MIN(left, (size_t)21)), *equals;
	uint64_t len;

	if (!space)
		return -EBADMSG;
	*space = '\0';
	if (tar_number_text(at, left, &len) < 0 || at + len <= space + 1 || at[len - 1] != '\n')
		return -EBADMSG;
	at[len - 1] = '\0';
	equals = memchr(space + 1, '=', (size_t)(at + len - 1 - space - 1));
	if (!equals || memchr(space + 1, '\0', (size_t)(equals - space - 1)))
		return -EBADMSG;
	*equals = '\0';
	*ret_key = space + 1;
	*ret_value = equals + 1;
	return (ssize_t)len;
}

static int each_record(struct tar_reader *r,
		       int (*one)(struct tar_reader *r, char *key, char *value, size_t len))
{
	char *at = r->pax, *end = r->pax + r->pax_len, *key, *value;
	int e;

	while (at < end) {
		ssize_t n = cut(at, (size_t)(end - at), &key, &value);

		if (n < 0)
			return (int)n;
		at += n;
		e = one(r, key, value, (size_t)(at - 1 - value));
		if (e < 0)
			return e;
	}
	return 0;
}

int tar_read_pax(struct tar_reader *r)
{
	return each_record(r, take);
}

static int take_global(struct tar_reader *r _unused_, char *key, char *value _unused_,
		       size_t len _unused_)
{
	return strcmp(key, "comment") == 0 ? 0 : -EOPNOTSUPP;
}

int tar_read_global(struct tar_reader *r)
{
	return each_record(r, take_global);
}
