/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "tar/header.h"
#include "tar/member.h"

/* More than any file has in Linux; of one that says more nothing is read. */
#define TAR_READ_PAX_MAX     (1u << 20)
#define TAR_READ_XATTRS_MAX  64
#define TAR_READ_EXTENTS_MAX 32768
#define TAR_READ_BUFFER	     (256u << 10)

/**
 * struct tar_reader - reads an archive that anybody may have made; all zero but @get at first
 * @get: some bytes of the archive, at least one. Return: how many, 0 at its end, or a negative errno
 * @userdata: for @get
 * @member: what was read last; its pointers are valid until the next one
 *
 * ustar, pax and GNU's formats, with sparse files of GNU's format 1.0; not compressed. Takes no memory
 * but this, which is large: for static storage, or mmap(2).
 */
struct tar_reader {
	ssize_t (*get)(void *userdata, void *buf, size_t len);
	void *userdata;
	struct tar_member member;

	size_t begin, end, n_xattrs, pax_len, next_extent;
	uint64_t left, padding, extent_done;
	bool has_path, has_link, has_size, has_uid, has_gid, has_mtime, sparse, has_real_size;
	uint64_t size, real_size, sparse_major, sparse_minor;
	char path[PATH_MAX], link[PATH_MAX];
	struct tar_xattr xattrs[TAR_READ_XATTRS_MAX];
	struct tar_extent extents[TAR_READ_EXTENTS_MAX];
	char pax[TAR_READ_PAX_MAX + 1];
	char buffer[TAR_READ_BUFFER];
};

/**
 * tar_read_next() - the next member; what is left of the one before is passed over
 *
 * Return: 1; 0: the end-of-archive mark; or a negative errno: -EBADMSG: this is no archive, or damaged;
 * -ENODATA: it ends without a mark; -EOPNOTSUPP: a kind of member that is not known here; -E2BIG: more
 * attributes, holes or longer names than files can have; or what @get said.
 */
int tar_read_next(struct tar_reader *r);

/**
 * tar_read_data() - the next piece of a file's content
 * @ret: valid until the next call
 * @ret_offset: in the file; what is not told of is a hole
 *
 * Return: how many bytes; 0: that was all; or negative errno, as above.
 */
ssize_t tar_read_data(struct tar_reader *r, const void **ret, uint64_t *ret_offset);
