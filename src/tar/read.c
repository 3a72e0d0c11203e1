/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tar/number.h"
#include "tar/read-state.h"

/* Headers in front of a member that tell something of it. */
#define EXTRA_HEADERS_MAX 8

/* GNU tar's, "Basic Tar Format". */
#define TYPE_LONG_NAME 'L'
#define TYPE_LONG_LINK 'K'
#define TYPE_LABEL     'V'

/* What tars before POSIX have, and what is the same to us. */
#define TYPE_OLD_FILE	'\0'
#define TYPE_CONTIGUOUS '7'

static const char zeros[TAR_BLOCK_SIZE];

/* There are bytes in the buffer then. Return: how many; 0: the end. */
static ssize_t refill(struct tar_reader *r)
{
	ssize_t n;

	if (r->begin < r->end)
		return (ssize_t)(r->end - r->begin);
	n = r->get(r->userdata, r->buffer, sizeof(r->buffer));
	r->begin = 0;
	r->end = n > 0 ? (size_t)n : 0;
	return n;
}

/* Return: 0; -ENODATA: it ends before that. */
static int copy(struct tar_reader *r, void *to, size_t len)
{
	while (len > 0) {
		ssize_t n = refill(r);

		if (n <= 0)
			return n < 0 ? (int)n : -ENODATA;
		n = (ssize_t)MIN((size_t)n, len);
		memcpy(to, r->buffer + r->begin, (size_t)n);
		r->begin += (size_t)n;
		to = (char *)to + n;
		len -= (size_t)n;
	}
	return 0;
}

static int skip(struct tar_reader *r, uint64_t len)
{
	while (len > 0) {
		ssize_t n = refill(r);

		if (n <= 0)
			return n < 0 ? (int)n : -ENODATA;
		n = (ssize_t)MIN((uint64_t)n, len);
		r->begin += (size_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

static uint64_t padding(uint64_t size)
{
	return (TAR_BLOCK_SIZE - size % TAR_BLOCK_SIZE) % TAR_BLOCK_SIZE;
}

ssize_t tar_read_some(struct tar_reader *r, uint64_t max, const char **ret)
{
	ssize_t n = r->left > 0 ? refill(r) : 0;

	if (n <= 0)
		return n < 0 || r->left == 0 ? n : -ENODATA;
	n = (ssize_t)MIN((uint64_t)n, MIN(max, r->left));
	*ret = r->buffer + r->begin;
	r->begin += (size_t)n;
	r->left -= (uint64_t)n;
	return n;
}

/* Some old programs have added up signed bytes. */
static bool sum_is_right(const struct tar_header *h)
{
	int64_t said, other = tar_header_sum(h);
	const signed char *p = (const signed char *)h;

	if (tar_number_field(h->chksum, sizeof(h->chksum), &said) < 0)
		return false;
	for (size_t i = 0; i < sizeof(*h); i++) {
		bool own = i >= offsetof(struct tar_header, chksum) &&
			   i < offsetof(struct tar_header, typeflag);

		other -= p[i] < 0 && !own ? 256 : 0;
	}
	return said == tar_header_sum(h) || said == other;
}

static int number(const char *field, size_t size, uint64_t max, uint64_t *ret)
{
	int64_t value;
	int e = tar_number_field(field, size, &value);

	if (e < 0 || value < 0 || (uint64_t)value > max)
		return -EBADMSG;
	*ret = (uint64_t)value;
	return 0;
}
#define NUMBER(field, max, ret) number(field, sizeof(field), max, ret)

static void start_member(struct tar_reader *r)
{
	r->member = (struct tar_member){.path = r->path, .link = r->link, .xattrs = r->xattrs};
	r->has_path = r->has_link = r->has_size = r->has_uid = r->has_gid = r->has_mtime = false;
	r->sparse = r->has_real_size = false;
	r->sparse_major = r->sparse_minor = 0;
	r->n_xattrs = r->next_extent = 0;
	r->extent_done = 0;
}

/* The content of an extra header, as a string. */
static int read_text(struct tar_reader *r, const struct tar_header *h, char *to, size_t max,
		     size_t *ret_len)
{
	uint64_t size;
	int e = NUMBER(h->size, INT64_MAX, &size);

	if (e == 0 && size > max)
		e = -E2BIG;
	if (e == 0)
		e = copy(r, to, (size_t)size);
	if (e < 0)
		return e;
	to[size] = '\0';
	*ret_len = (size_t)size;
	return skip(r, padding(size));
}

static int read_pax(struct tar_reader *r, const struct tar_header *h)
{
	int e;

	/* Attributes of an earlier one would be overwritten: there is one for each member. */
	r->n_xattrs = 0;
	e = read_text(r, h, r->pax, TAR_READ_PAX_MAX, &r->pax_len);
	if (e < 0)
		return e;
	return h->typeflag == TAR_TYPE_PAX ? tar_read_pax(r) : tar_read_global(r);
}

static int read_long(struct tar_reader *r, const struct tar_header *h)
{
	bool name = h->typeflag == TYPE_LONG_NAME;
	size_t len;
	int e = read_text(r, h, name ? r->path : r->link, PATH_MAX - 1, &len);

	if (name)
		r->has_path = true;
	else
		r->has_link = true;
	return e;
}

static int read_label(struct tar_reader *r, const struct tar_header *h)
{
	size_t len;

	r->n_xattrs = 0;
	return read_text(r, h, r->pax, TAR_READ_PAX_MAX, &len);
}

/* Return: 1: it was one; 0: @h is a member's own. */
static int read_extra(struct tar_reader *r, const struct tar_header *h)
{
	static const struct {
		char type;
		int (*read)(struct tar_reader *r, const struct tar_header *h);
	} extras[] = {
		{TAR_TYPE_PAX, read_pax},    {TAR_TYPE_PAX_GLOBAL, read_pax},
		{TYPE_LONG_NAME, read_long}, {TYPE_LONG_LINK, read_long},
		{TYPE_LABEL, read_label},
	};
	int e;

	for (size_t i = 0; i < ARRAY_SIZE(extras); i++) {
		if (h->typeflag != extras[i].type)
			continue;
		e = extras[i].read(r, h);
		return e < 0 ? e : 1;
	}
	return 0;
}

static void set_path(struct tar_reader *r, const struct tar_header *h)
{
	bool prefixed = memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0];

	if (r->has_path)
		return;
	(void)snprintf(r->path, sizeof(r->path), "%.*s%s%.*s",
		       prefixed ? (int)sizeof(h->prefix) : 0, h->prefix, prefixed ? "/" : "",
		       (int)sizeof(h->name), h->name);
}

static int set_owner(const char *field, size_t size, uint32_t *ret)
{
	uint64_t id;
	int e = number(field, size, UINT32_MAX - 1, &id);

	if (e == 0)
		*ret = (uint32_t)id;
	return e;
}

static int set_type(struct tar_reader *r, const struct tar_header *h)
{
	size_t len = strlen(r->path);

	switch (h->typeflag) {
	case TYPE_OLD_FILE:
	case TYPE_CONTIGUOUS:
	case TAR_FILE:
		r->member.type = len > 0 && r->path[len - 1] == '/' ? TAR_FOLDER : TAR_FILE;
		return 0;
	default:
		r->member.type = (enum tar_type)h->typeflag;
		return h->typeflag > TAR_FILE && h->typeflag <= TAR_FIFO ? 0 : -EOPNOTSUPP;
	}
}

static int set_numbers(struct tar_reader *r, const struct tar_header *h)
{
	uint64_t mode = 0, major = 0, minor = 0;
	struct tar_member *m = &r->member;
	int64_t mtime = 0;
	int e = NUMBER(h->mode, UINT32_MAX, &mode);

	if (e == 0 && !r->has_size)
		e = NUMBER(h->size, INT64_MAX, &r->size);
	if (e == 0 && !r->has_uid)
		e = set_owner(h->uid, sizeof(h->uid), &m->uid);
	if (e == 0 && !r->has_gid)
		e = set_owner(h->gid, sizeof(h->gid), &m->gid);
	if (e == 0 && !r->has_mtime) {
		e = tar_number_field(h->mtime, sizeof(h->mtime), &mtime);
		m->mtime = (struct timespec){.tv_sec = mtime};
	}
	if (e == 0 && (m->type == TAR_CHAR || m->type == TAR_BLOCK)) {
		e = NUMBER(h->devmajor, UINT32_MAX, &major);
		if (e == 0)
			e = NUMBER(h->devminor, UINT32_MAX, &minor);
	}
	m->mode = mode & 07777;
	m->rdev_major = (uint32_t)major;
	m->rdev_minor = (uint32_t)minor;
	return e;
}

/* Only files have content: of others some programs say a size nevertheless. */
static int set_content(struct tar_reader *r)
{
	struct tar_member *m = &r->member;

	m->n_xattrs = r->n_xattrs;
	if (m->type != TAR_FILE)
		return r->sparse ? -EBADMSG : 0;
	m->size = r->left = r->size;
	r->padding = padding(r->size);
	return r->sparse ? tar_read_map(r) : 0;
}

static int read_member(struct tar_reader *r, const struct tar_header *h)
{
	bool links = h->typeflag == TAR_HARDLINK || h->typeflag == TAR_SYMLINK;
	int e;

	set_path(r, h);
	if (!r->has_link)
		(void)snprintf(r->link, sizeof(r->link), "%.*s", (int)sizeof(h->linkname),
			       h->linkname);
	e = set_type(r, h);
	if (e == 0 && (!r->path[0] || (links && !r->link[0])))
		e = -EBADMSG;
	if (e == 0)
		e = set_numbers(r, h);
	return e < 0 ? e : set_content(r);
}

int tar_read_next(struct tar_reader *r)
{
	struct tar_header h;
	int e = skip(r, r->left);

	if (e == 0)
		e = skip(r, r->padding);
	r->left = r->padding = 0;
	start_member(r);
	for (int extras = 0; e == 0; extras++) {
		e = copy(r, &h, sizeof(h));
		if (e < 0)
			return e;
		if (memcmp(&h, zeros, sizeof(h)) == 0)
			return extras > 0 ? -EBADMSG : 0;
		if (!sum_is_right(&h) || extras > EXTRA_HEADERS_MAX)
			return -EBADMSG;
		e = read_extra(r, &h);
		if (e != 1) {
			e = e < 0 ? e : read_member(r, &h);
			return e < 0 ? e : 1;
		}
		e = 0;
	}
	return e;
}

static ssize_t read_sparse(struct tar_reader *r, const char **ret, uint64_t *ret_offset)
{
	while (r->next_extent < r->member.n_extents) {
		const struct tar_extent *extent = &r->extents[r->next_extent];
		ssize_t n;

		if (r->extent_done == extent->len) {
			r->next_extent++;
			r->extent_done = 0;
			continue;
		}
		n = tar_read_some(r, extent->len - r->extent_done, ret);
		*ret_offset = extent->offset + r->extent_done;
		r->extent_done += n > 0 ? (uint64_t)n : 0;
		return n;
	}
	return 0;
}

ssize_t tar_read_data(struct tar_reader *r, const void **ret, uint64_t *ret_offset)
{
	const char *at = NULL;
	ssize_t n;

	if (r->member.sparse) {
		n = read_sparse(r, &at, ret_offset);
	} else {
		*ret_offset = r->member.size - r->left;
		n = tar_read_some(r, r->left, &at);
	}
	*ret = at;
	return n;
}
