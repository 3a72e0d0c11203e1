/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tar/header.h"
#include "tar/pax.h"

static const char zeros[TAR_BLOCK_SIZE];

static int put(struct tar_writer *w, const void *data, size_t len)
{
	int r = len > 0 ? w->put(w->userdata, data, len) : 0;

	if (r == 0)
		w->total += len;
	return r;
}

static int put_counted(void *userdata, const void *data, size_t len)
{
	return put(userdata, data, len);
}

int tar_write_data(struct tar_writer *w, const void *data, size_t len)
{
	return put(w, data, len);
}

int tar_write_pad(struct tar_writer *w)
{
	size_t over = w->total % TAR_BLOCK_SIZE;

	return over ? put(w, zeros, TAR_BLOCK_SIZE - over) : 0;
}

int tar_write_end(struct tar_writer *w)
{
	int r = put(w, zeros, sizeof(zeros));

	return r < 0 ? r : put(w, zeros, sizeof(zeros));
}

/* What does not fit is in a pax record; then the field holds what old programs make the best of. */
static void octal(char *field, size_t size, uint64_t value, uint64_t max)
{
	char buf[24];

	(void)snprintf(buf, sizeof(buf), "%0*" PRIo64, (int)size - 1, value > max ? 0 : value);
	memcpy(field, buf, size);
}
#define OCTAL7(field, value)  octal(field, sizeof(field), value, TAR_OCTAL7_MAX)
#define OCTAL11(field, value) octal(field, sizeof(field), value, TAR_OCTAL11_MAX)

static void copy(char *field, size_t size, const char *s)
{
	memcpy(field, s, strnlen(s, size));
}

static void seal(struct tar_header *h)
{
	char sum[8];

	memcpy(h->magic, "ustar", sizeof(h->magic));
	memcpy(h->version, "00", sizeof(h->version));
	(void)snprintf(sum, sizeof(sum), "%06o", tar_header_sum(h));
	memcpy(h->chksum, sum, 7);
	h->chksum[7] = ' ';
}

static int put_pax(struct tar_writer *w, const struct tar_member *m, const char *slash,
		   uint64_t stored)
{
	struct tar_header h = {.name = "pax-records", .typeflag = TAR_TYPE_PAX};
	struct pax_out count = {.put = NULL};
	struct pax_out out = {.put = put_counted, .userdata = w};
	int r;

	pax_records(&count, m, slash, stored);
	if (count.total == 0)
		return 0;
	OCTAL7(h.mode, 0644);
	OCTAL7(h.uid, 0);
	OCTAL7(h.gid, 0);
	OCTAL11(h.size, count.total);
	OCTAL11(h.mtime, 0);
	seal(&h);
	r = put(w, &h, sizeof(h));
	if (r < 0)
		return r;
	pax_records(&out, m, slash, stored);
	return out.error < 0 ? out.error : tar_write_pad(w);
}

static bool is_sparse(const struct tar_member *m)
{
	return m->type == TAR_FILE && m->sparse;
}

static bool is_device(const struct tar_member *m)
{
	return m->type == TAR_CHAR || m->type == TAR_BLOCK;
}

/* Who does not know of holes finds a file of another name, which has the map in front. */
static void set_name(struct tar_header *h, const struct tar_member *m, const char *slash)
{
	const char *base = strrchr(m->path, '/');
	char name[sizeof(h->name) + 1];

	if (is_sparse(m))
		(void)snprintf(name, sizeof(name), "GNUSparseFile.0/%s", base ? base + 1 : m->path);
	else
		(void)snprintf(name, sizeof(name), "%s%s", m->path, slash);
	copy(h->name, sizeof(h->name), name);
}

static int put_header(struct tar_writer *w, const struct tar_member *m, const char *slash,
		      uint64_t stored)
{
	struct tar_header h = {.typeflag = (char)m->type};

	set_name(&h, m, slash);
	if (m->type == TAR_HARDLINK || m->type == TAR_SYMLINK)
		copy(h.linkname, sizeof(h.linkname), m->link);
	OCTAL7(h.mode, m->mode);
	OCTAL7(h.uid, m->uid);
	OCTAL7(h.gid, m->gid);
	OCTAL11(h.size, stored);
	OCTAL11(h.mtime, (uint64_t)m->mtime.tv_sec);
	OCTAL7(h.devmajor, is_device(m) ? m->rdev_major : 0);
	OCTAL7(h.devminor, is_device(m) ? m->rdev_minor : 0);
	seal(&h);
	return put(w, &h, sizeof(h));
}

/* A line of a sparse file's map: how many extents there are, an offset, or a length. */
static size_t map_line(char buf[24], uint64_t value)
{
	return (size_t)snprintf(buf, 24, "%" PRIu64 "\n", value);
}

static size_t map_extent(char buf[48], const struct tar_extent *e)
{
	size_t n = map_line(buf, e->offset);

	return n + map_line(buf + n, e->len);
}

/* GNU tar makes a file as long as its map says: of a hole at the end that tells an empty extent. */
static size_t map_extents(const struct tar_member *m, struct tar_extent *end)
{
	size_t n = m->n_extents;
	bool hole = n == 0 || m->extents[n - 1].offset + m->extents[n - 1].len < m->size;

	*end = (struct tar_extent){.offset = m->size};
	return n + hole;
}

static const struct tar_extent *nth_extent(const struct tar_member *m, size_t i,
					   const struct tar_extent *end)
{
	return i < m->n_extents ? &m->extents[i] : end;
}

static uint64_t map_size(const struct tar_member *m)
{
	struct tar_extent end;
	size_t n = map_extents(m, &end);
	char buf[48];
	uint64_t size = map_line(buf, n);

	for (size_t i = 0; i < n; i++)
		size += map_extent(buf, nth_extent(m, i, &end));
	return (size + TAR_BLOCK_SIZE - 1) / TAR_BLOCK_SIZE * TAR_BLOCK_SIZE;
}

static int put_map(struct tar_writer *w, const struct tar_member *m)
{
	struct tar_extent end;
	size_t n = map_extents(m, &end);
	char buf[48];
	int r = put(w, buf, map_line(buf, n));

	for (size_t i = 0; i < n && r == 0; i++)
		r = put(w, buf, map_extent(buf, nth_extent(m, i, &end)));
	return r < 0 ? r : tar_write_pad(w);
}

uint64_t tar_content_size(const struct tar_member *m)
{
	uint64_t size = 0;

	if (m->type != TAR_FILE)
		return 0;
	if (!m->sparse)
		return m->size;
	for (size_t i = 0; i < m->n_extents; i++)
		size += m->extents[i].len;
	return size;
}

/* GNU tar has each extent begin a block of its own, others have them follow one another. */
static bool extents_fit(const struct tar_member *m)
{
	uint64_t end = 0;

	for (size_t i = 0; i < m->n_extents; i++) {
		const struct tar_extent *e = &m->extents[i];

		if (e->offset < end || e->offset > m->size || e->len > m->size - e->offset)
			return false;
		if (i + 1 < m->n_extents && e->len % TAR_BLOCK_SIZE)
			return false;
		end = e->offset + e->len;
	}
	return true;
}

static bool type_known(enum tar_type type)
{
	return type >= TAR_FILE && type <= TAR_FIFO;
}

static bool well_formed(const struct tar_member *m)
{
	bool links = m->type == TAR_HARDLINK || m->type == TAR_SYMLINK;

	return type_known(m->type) && m->path && *m->path && (!links || m->link) &&
	       m->mode <= 07777 && m->mtime.tv_nsec >= 0 && m->mtime.tv_nsec < 1000000000 &&
	       m->size <= INT64_MAX && (!is_sparse(m) || extents_fit(m));
}

int tar_write_member(struct tar_writer *w, const struct tar_member *m)
{
	uint64_t stored;
	const char *slash;
	int r;

	if (!well_formed(m))
		return -EINVAL;
	slash = m->type == TAR_FOLDER && m->path[strlen(m->path) - 1] != '/' ? "/" : "";
	stored = tar_content_size(m) + (is_sparse(m) ? map_size(m) : 0);
	r = put_pax(w, m, slash, stored);
	if (r == 0)
		r = put_header(w, m, slash, stored);
	if (r == 0 && is_sparse(m))
		r = put_map(w, m);
	return r;
}
