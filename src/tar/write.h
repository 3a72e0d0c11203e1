/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tar/member.h"

/**
 * struct tar_writer - makes an archive: POSIX.1-2001 (pax), as GNU tar, libarchive and Go read it
 * @put: takes what comes next, all of it. Return: 0 or a negative errno, which ends the writing and is
 *	returned to whoever called
 * @userdata: for @put
 * @total: bytes put so far; the caller starts with 0
 *
 * Needs no memory beyond this. The same members give the same bytes. A member is ustar alone as long as
 * that can say all; what it cannot say is said by pax records: long names, large numbers, times that
 * are negative or finer than a second, attributes ("SCHILY.xattr.") and holes (GNU's sparse format 1.0).
 *
 * One member after the other: tar_write_member(), its content by tar_write_data() or by other ways past
 * this (then tar_write_passed() says how much), tar_write_pad(). At the end tar_write_end().
 */
struct tar_writer {
	int (*put)(void *userdata, const void *data, size_t len);
	void *userdata;
	uint64_t total;
};

/** tar_content_size() - how many bytes of content follow: 0 but for a TAR_FILE; no holes, no padding */
uint64_t tar_content_size(const struct tar_member *m);

/**
 * tar_write_member() - all that comes before the content
 *
 * Return: 0, what @put said, or -EINVAL: @m is not as tar/member.h has it.
 */
int tar_write_member(struct tar_writer *w, const struct tar_member *m);

/** tar_write_data() - content: of a sparse file the extents', one after the other. Return: as @put. */
int tar_write_data(struct tar_writer *w, const void *data, size_t len);

/** tar_write_passed() - @len bytes of content went where @put puts them, past it */
static inline void tar_write_passed(struct tar_writer *w, uint64_t len)
{
	w->total += len;
}

/** tar_write_pad() - the content is complete; for members without content, harmless. Return: as @put. */
int tar_write_pad(struct tar_writer *w);

/** tar_write_end() - the end-of-archive mark. Return: as @put. */
int tar_write_end(struct tar_writer *w);
