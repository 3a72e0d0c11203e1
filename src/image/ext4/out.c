/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ext4/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/mem.h"

#define BUF_SIZE (1u << 20)
/* What has at least that many bytes is not copied, but written from where it is. */
#define DIRECT (64u << 10)

/* So many bytes after another, the disk is told to begin: it works while the next ones come. */
#define BEHIND (8u << 20)

static const char zeros[4096];

void ext4_out_init(struct ext4_out *out, int fd)
{
	*out = (struct ext4_out){.fd = fd, .buf = xmalloc(BUF_SIZE)};
}

void ext4_out_done(struct ext4_out *out)
{
	free(out->buf);
	out->buf = NULL;
}

static void forward(struct iovec v[2], size_t n)
{
	for (size_t i = 0; i < 2; i++) {
		size_t done = MIN(n, v[i].iov_len);

		if (done == 0)
			continue;
		v[i].iov_base = (char *)v[i].iov_base + done;
		v[i].iov_len -= done;
		n -= done;
	}
}

/* What is in memory, and @data behind it. */
static int write_all(struct ext4_out *out, const void *data, size_t len)
{
	struct iovec v[2] = {{out->buf, out->n}, {(void *)data, len}};

	while (v[0].iov_len + v[1].iov_len > 0) {
		ssize_t n = pwritev(out->fd, v, 2, (off_t)out->at);

		if (n < 0 && errno == EINTR)
			continue;
		/* 0 has no reason that errno would name. */
		if (n <= 0)
			return out->error = n < 0 ? -errno : -EIO;
		forward(v, (size_t)n);
		out->at += (uint64_t)n;
		out->behind += (uint64_t)n;
	}
	out->n = 0;
	if (out->behind >= BEHIND) {
		/* A hint: ext4_out_sync() sees to it that all is on the disk. */
		(void)sync_file_range(out->fd, (off_t)(out->at - MIN(out->at, out->behind)),
				      (off_t)out->behind, SYNC_FILE_RANGE_WRITE);
		out->behind = 0;
	}
	return 0;
}

int ext4_out_flush(struct ext4_out *out)
{
	if (out->error)
		return out->error;
	return out->n > 0 ? write_all(out, NULL, 0) : 0;
}

int ext4_out_put(struct ext4_out *out, uint64_t at, const void *data, size_t len)
{
	int r = out->error;

	if (r == 0 && at != out->at + out->n) {
		r = ext4_out_flush(out);
		out->at = at;
	}
	if (r < 0)
		return r;
	if (len >= DIRECT)
		return write_all(out, data, len);
	if (len > BUF_SIZE - out->n) {
		r = ext4_out_flush(out);
		if (r < 0)
			return r;
	}
	memcpy(out->buf + out->n, data, len);
	out->n += len;
	return 0;
}

int ext4_out_zero(struct ext4_out *out, uint64_t at, size_t len)
{
	return ext4_out_put(out, at, zeros, MIN(len, sizeof(zeros)));
}

int ext4_out_punch(struct ext4_out *out, uint64_t at, uint64_t len)
{
	int r = ext4_out_flush(out);

	if (r < 0)
		return r;
	if (fallocate(out->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len) ==
	    0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return out->error = -errno;
	for (; len > 0 && r == 0; at += MIN(len, sizeof(zeros)), len -= MIN(len, sizeof(zeros)))
		r = ext4_out_put(out, at, zeros, MIN(len, sizeof(zeros)));
	return r;
}

int ext4_out_end(struct ext4_out *out, uint64_t size)
{
	int r = ext4_out_flush(out);

	if (r == 0 && ftruncate(out->fd, (off_t)size) < 0)
		r = out->error = -errno;
	return r;
}

int ext4_out_sync(struct ext4_out *out)
{
	if (fdatasync(out->fd) < 0)
		out->error = -errno;
	return out->error;
}
