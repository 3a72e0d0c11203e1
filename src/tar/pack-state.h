/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <linux/limits.h>
#include <sys/stat.h>

#include "tar/links.h"
#include "tar/pack.h"
#include "tar/write.h"

/*
 * Within this layer: the state that packing goes through. Nothing of it is allocated on the way.
 */

#define PACK_XATTRS_MAX	      64
#define PACK_XATTRS_BYTES_MAX (256u << 10)
#define PACK_EXTENTS_MAX      8192

/**
 * struct packing - on the way through a tree
 * @path: in the archive, of what is being packed
 * @buffer: @used bytes of it are still to be put
 */
struct packing {
	const struct tar_pack *pack;
	struct tar_trouble *trouble;
	struct tar_writer writer;
	size_t len, used, n_xattrs;
	char path[PATH_MAX], link[PATH_MAX];
	char xattr_names[XATTR_LIST_MAX], xattr_values[PACK_XATTRS_BYTES_MAX];
	struct tar_xattr xattrs[PACK_XATTRS_MAX];
	struct tar_extent extents[PACK_EXTENTS_MAX];
	struct tar_links links;
	char buffer[TAR_PACK_CHUNK];
};

/** packing_fail() - Return: @error */
static inline int packing_fail(struct packing *p, int error, const char *what)
{
	return tar_trouble_set(p->trouble, error, what, p->path);
}

/** packing_flush() - put what is in the buffer. Return: as @put. */
int packing_flush(struct packing *p);

/** packing_xattrs() - of an open file or folder, into @p->xattrs. Return: 0 or negative errno. */
int packing_xattrs(struct packing *p, int fd);

/** packing_xattrs_at() - of what cannot be opened. Return: 0 or negative errno. */
int packing_xattrs_at(struct packing *p, int dir, const char *name);

/** packing_file() - a regular file, its member and content. Return: 0 or negative errno. */
int packing_file(struct packing *p, int fd, struct tar_member *m);
