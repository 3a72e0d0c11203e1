/* SPDX-License-Identifier: Apache-2.0 */
#include "p9/fid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/seal.h"

SEAL_ALLOW(brk);
SEAL_ALLOW_ARG(mmap, 2, 4, 0); /* no code */
SEAL_ALLOW(munmap);
SEAL_ALLOW(getrandom); /* malloc(3), once */
SEAL_ALLOW(close);

#define XATTR_BYTES_MAX (1u << 20)

_Static_assert(P9_FIDS_MAX < UINT16_MAX, "index + 1 fits");

static struct p9_fid *at(const struct p9_fids *f, uint16_t index1)
{
	uint32_t i = index1 - 1u;

	return &f->chunks[i / P9_FID_CHUNK][i % P9_FID_CHUNK];
}

static uint16_t *bucket_of(struct p9_fids *f, uint32_t number)
{
	return &f->bucket[(number * 2654435761u >> 16) % P9_FID_BUCKETS];
}

void p9_fids_init(struct p9_fids *f, uint32_t max)
{
	memset(f, 0, sizeof(*f));
	f->max = max < P9_FIDS_MAX ? max : P9_FIDS_MAX;
}

struct p9_fid *p9_fid_find(const struct p9_fids *f, uint32_t number)
{
	for (uint16_t i = *bucket_of((struct p9_fids *)f, number); i; i = at(f, i)->next)
		if (at(f, i)->number == number)
			return at(f, i);
	return NULL;
}

static int make_chunk(struct p9_fids *f)
{
	struct p9_fid *chunk = calloc(P9_FID_CHUNK, sizeof(*chunk));

	if (!chunk)
		return -ENOMEM;
	f->chunks[f->n_made / P9_FID_CHUNK] = chunk;
	for (unsigned int i = P9_FID_CHUNK; i > 0; i--) {
		chunk[i - 1].next = f->free;
		f->free = (uint16_t)(f->n_made + i);
	}
	f->n_made += P9_FID_CHUNK;
	return 0;
}

int p9_fid_add(struct p9_fids *f, uint32_t number, int fd, struct p9_fid **ret)
{
	uint16_t *bucket = bucket_of(f, number), index;
	struct p9_fid *fid;

	if (number == P9_NOFID || p9_fid_find(f, number))
		return -EBADF;
	if (f->n >= f->max)
		return -ENFILE;
	if (!f->free && make_chunk(f) < 0)
		return -ENOMEM;
	index = f->free;
	fid = at(f, index);
	f->free = fid->next;
	*fid = (struct p9_fid){.number = number,
			       .kind = P9_FID_PATH,
			       .fd = fd,
			       .lock_fd = -EBADF,
			       .next = *bucket};
	*bucket = index;
	f->n++;
	*ret = fid;
	return 0;
}

bool p9_fids_can_lock(const struct p9_fids *f, const struct p9_fid *fid,
		      const struct p9_ranges *locks)
{
	return f->n_ranges - p9_ranges_count(fid->locks) + p9_ranges_count(locks) <= P9_RANGES_MAX;
}

void p9_fid_set_locks(struct p9_fids *f, struct p9_fid *fid, struct p9_ranges *locks)
{
	f->n_ranges += p9_ranges_count(locks) - p9_ranges_count(fid->locks);
	free(fid->locks);
	fid->locks = locks;
}

static void free_xattr(struct p9_fids *f, struct p9_fid *fid)
{
	if (!(fid->kind & P9_FID_XATTR) || !fid->xattr)
		return;
	f->xattr_bytes -= sizeof(*fid->xattr) + fid->xattr->len;
	free(fid->xattr);
	fid->xattr = NULL;
}

void p9_fid_remove(struct p9_fids *f, struct p9_fid *fid)
{
	uint16_t *link = bucket_of(f, fid->number), index;

	while (at(f, *link) != fid)
		link = &at(f, *link)->next;
	index = *link;
	*link = fid->next;
	free_xattr(f, fid);
	p9_fid_set_locks(f, fid, NULL);
	fid->fd = fd_close(fid->fd);
	fid->lock_fd = fd_close(fid->lock_fd);
	fid->next = f->free;
	f->free = index;
	f->n--;
}

void p9_fids_clear(struct p9_fids *f)
{
	for (size_t i = 0; i < P9_FID_BUCKETS; i++)
		while (f->bucket[i])
			p9_fid_remove(f, at(f, f->bucket[i]));
}

void p9_fids_deinit(struct p9_fids *f)
{
	p9_fids_clear(f);
	for (uint32_t i = 0; i < f->n_made / P9_FID_CHUNK; i++)
		free(f->chunks[i]);
	p9_fids_init(f, 0);
}

int p9_fid_new_xattr(struct p9_fids *f, struct p9_fid *fid, uint32_t len)
{
	size_t size = sizeof(struct p9_xattr) + len;
	struct p9_xattr *xattr = NULL;

	if (size <= XATTR_BYTES_MAX - f->xattr_bytes)
		xattr = calloc(1, size);
	if (!xattr)
		return -ENOMEM;
	xattr->len = len;
	fid->xattr = xattr;
	f->xattr_bytes += size;
	return 0;
}
