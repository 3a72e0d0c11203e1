/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "tar/pack-state.h"

/* Return: 0: there is no more content. */
static int next_extent(int fd, uint64_t from, uint64_t size, struct tar_extent *ret)
{
	off_t data = lseek(fd, (off_t)from, SEEK_DATA), hole;

	if (data < 0)
		return errno == ENXIO ? 0 : -errno;
	hole = lseek(fd, data, SEEK_HOLE);
	if (hole < 0)
		return -errno;
	ret->offset = (uint64_t)data;
	ret->len = MIN((uint64_t)hole, size) - MIN((uint64_t)data, size);
	return ret->len > 0;
}

/* A file system may end content anywhere; in an archive it ends with a block, or with the file. */
static void round_extent(struct tar_extent *e, uint64_t size)
{
	uint64_t end = e->offset + e->len, over = e->offset % TAR_BLOCK_SIZE;

	e->offset -= over;
	end = (end + TAR_BLOCK_SIZE - 1) / TAR_BLOCK_SIZE * TAR_BLOCK_SIZE;
	e->len = MIN(end, size) - e->offset;
}

/*
 * Where the content is. Holes that the table has no room for are content. Return: how many; 0: of an
 * empty file or one hole; negative: nobody knows.
 */
static ssize_t find_extents(struct packing *p, int fd, uint64_t size)
{
	uint64_t at = 0;
	size_t n = 0;
	int r = 1;

	while (at < size && n < PACK_EXTENTS_MAX) {
		struct tar_extent *e = &p->extents[n];

		r = next_extent(fd, at, size, e);
		if (r <= 0)
			break;
		if (n == PACK_EXTENTS_MAX - 1)
			e->len = size - e->offset;
		round_extent(e, size);
		at = e->offset + e->len;
		n++;
	}
	return r < 0 ? r : (ssize_t)n;
}

/* A file that has no holes is as any other. */
static void describe(struct packing *p, int fd, const struct stat *st, struct tar_member *m)
{
	bool may_have_holes = (uint64_t)st->st_blocks * 512 < m->size;
	ssize_t n = may_have_holes ? find_extents(p, fd, m->size) : -ENODATA;

	if (n < 0 || (n == 1 && p->extents[0].offset == 0 && p->extents[0].len == m->size))
		return;
	m->sparse = true;
	m->extents = p->extents;
	m->n_extents = (size_t)n;
}

static int copy(struct packing *p, int fd, uint64_t offset, uint64_t len)
{
	while (len > 0) {
		size_t room = sizeof(p->buffer) - p->used;
		ssize_t n = pread(fd, p->buffer + p->used, (size_t)MIN(room, len), (off_t)offset);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return packing_fail(p, n < 0 ? -errno : -ESTALE, "read");
		p->used += (size_t)n;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
		tar_write_passed(&p->writer, (uint64_t)n);
		r = p->used == sizeof(p->buffer) ? packing_flush(p) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int copy_content(struct packing *p, int fd, const struct tar_member *m)
{
	int r = 0;

	if (!m->sparse)
		return copy(p, fd, 0, m->size);
	for (size_t i = 0; i < m->n_extents && r == 0; i++)
		r = copy(p, fd, m->extents[i].offset, m->extents[i].len);
	return r;
}

int packing_file(struct packing *p, int fd, struct tar_member *m)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return packing_fail(p, -errno, "read");
	m->size = (uint64_t)st.st_size;
	describe(p, fd, &st, m);
	r = tar_write_member(&p->writer, m);
	if (r == 0)
		r = copy_content(p, fd, m);
	return r < 0 ? r : tar_write_pad(&p->writer);
}
