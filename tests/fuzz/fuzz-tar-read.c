/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tar/read.h"

#include "tar-input.h"

/*
 * An archive that anybody may have made: what is told of it is as tar/member.h and tar/read.h promise.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is read is read, as the compiler cannot know that nobody wants it. */
static volatile unsigned char seen_last;

#define must(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define CONTENT_MAX (1 << 20)

static ssize_t get(void *userdata, void *buf, size_t len)
{
	struct tar_input *in = userdata;
	size_t n = MIN(MIN(in->left, in->step), len);

	memcpy(buf, in->at, n);
	in->at += n;
	in->left -= n;
	return (ssize_t)n;
}

static void check_extents(const struct tar_member *m)
{
	uint64_t end = 0;

	for (size_t i = 0; i < m->n_extents; i++) {
		must(m->extents[i].offset >= end);
		end = m->extents[i].offset + m->extents[i].len;
		must(end <= m->size);
	}
}

static unsigned char look_at(const void *data, size_t len)
{
	const unsigned char *p = data;
	unsigned char seen = 0;

	for (size_t i = 0; i < len; i++)
		seen ^= p[i];
	return seen;
}

static unsigned char check_member(const struct tar_member *m)
{
	unsigned char seen = 0;

	must(m->type >= TAR_FILE && m->type <= TAR_FIFO);
	must(*m->path && strlen(m->path) < PATH_MAX && strlen(m->link) < PATH_MAX);
	must((m->type != TAR_HARDLINK && m->type != TAR_SYMLINK) || *m->link);
	must(m->mode <= 07777 && m->uid != UINT32_MAX && m->gid != UINT32_MAX);
	must(m->mtime.tv_nsec >= 0 && m->mtime.tv_nsec < 1000000000);
	must(m->size <= INT64_MAX && (m->sparse || m->n_extents == 0));
	must(m->n_xattrs <= TAR_READ_XATTRS_MAX);
	for (size_t i = 0; i < m->n_xattrs; i++) {
		must(*m->xattrs[i].name);
		seen ^= look_at(m->xattrs[i].name, strlen(m->xattrs[i].name));
		seen ^= look_at(m->xattrs[i].value, m->xattrs[i].len);
	}
	check_extents(m);
	return seen;
}

static ssize_t read_content(struct tar_reader *r, unsigned char *seen)
{
	uint64_t offset, end = 0, total = 0;
	const void *data;
	ssize_t n;

	while ((n = tar_read_data(r, &data, &offset)) > 0 && total < CONTENT_MAX) {
		must(offset >= end && (uint64_t)n <= r->member.size - offset);
		end = offset + (uint64_t)n;
		total += (uint64_t)n;
		*seen ^= look_at(data, (size_t)n);
	}
	if (n == 0 && r->member.type == TAR_FILE && !r->member.sparse)
		must(total == r->member.size);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tar_reader r;

	struct tar_input in;
	int e;

	if (size == 0)
		return 0;
	tar_input_init(&in, data, size);
	in.at = in.copy;
	in.left = in.size;
	r.begin = r.end = r.left = r.padding = 0;
	r.get = get;
	r.userdata = &in;
	/* Of every second member the content is passed over. */
	for (int i = 0; (e = tar_read_next(&r)) > 0; i++) {
		unsigned char of_this = check_member(&r.member);

		if (i % 2 == 0)
			(void)read_content(&r, &of_this);
		seen_last = of_this;
	}
	must(e == 0 || e == -EBADMSG || e == -ENODATA || e == -EOPNOTSUPP || e == -E2BIG);
	tar_input_done(&in);
	return 0;
}
