/* SPDX-License-Identifier: Apache-2.0 */
/* What is in files. */
#include <errno.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/seal.h"
#include "p9/request.h"

SEAL_ALLOW(pread64);
SEAL_ALLOW(pwrite64);
SEAL_ALLOW(fsync);
SEAL_ALLOW(fdatasync);

/* Straight into the answer. */
static int read_file(const struct p9_fid *fid, uint64_t offset, uint32_t count, struct p9_out *out)
{
	size_t at = out->len, room;
	uint8_t *to;
	ssize_t n;

	p9_put_u32(out, 0);
	to = p9_room(out, &room);
	n = pread(fid->fd, to, MIN(count, room), (off_t)offset);
	if (n < 0)
		return -errno;
	out->len += (size_t)n;
	p9_set_u32(out, at, (uint32_t)n);
	return 0;
}

int p9_read(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out)
{
	uint64_t offset = p9_get_u64(in);
	uint32_t count = p9_get_u32(in);

	if (!p9_in_end(in))
		return 0;
	switch (fid->kind) {
	case P9_FID_FILE:
		return read_file(fid, offset, count, out);
	case P9_FID_XATTR_GET:
		return p9_xattr_read(fid, offset, count, out);
	case P9_FID_DIR:
		return -EISDIR;
	default:
		return -EBADF;
	}
}

/* Straight out of the request. */
static int write_file(struct p9_server *s, const struct p9_fid *fid, uint64_t offset,
		      const uint8_t *data, uint32_t count)
{
	ssize_t n;

	p9_who_write(&s->who, fid->uid);
	n = pwrite(fid->fd, data, count, (off_t)offset);
	return n < 0 ? -errno : (int)n;
}

int p9_write(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out)
{
	uint64_t offset = p9_get_u64(in);
	uint32_t count = p9_get_u32(in);
	const uint8_t *data = p9_get_bytes(in, count);
	int r;

	if (!p9_in_end(in))
		return 0;
	if (fid->kind == P9_FID_FILE)
		r = write_file(s, fid, offset, data, count);
	else
		r = fid->kind == P9_FID_XATTR_SET ? p9_xattr_write(fid, offset, data, count)
						  : -EBADF;
	if (r < 0)
		return r;
	p9_put_u32(out, (uint32_t)r);
	return 0;
}

int p9_fsync(struct p9_server *s, struct p9_fid *fid, struct p9_in *in, struct p9_out *out _unused_)
{
	uint32_t datasync = 0;

	/* Older clients do not say. */
	if (in->left > 0)
		datasync = p9_get_u32(in);
	if (!p9_in_end(in))
		return 0;
	if (fid->alone)
		return 0;
	return (datasync ? fdatasync(fid->fd) : fsync(fid->fd)) < 0 ? -errno : 0;
}
