/* SPDX-License-Identifier: Apache-2.0 */
#include "image/blob.h"

#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/blob-index.h"
#include "image/image.h"
#include "image/tarfile.h"
#include "image/text.h"

/*
 * A tar file is read once from front to back, past the content of its entries, for a list of names
 * and of where their headers begin (blob-index.c). A blob is then read by starting libarchive at
 * that offset, so that layers can be had in any order without the archive ever being unpacked.
 */

#define BUF_SIZE (256 << 10)

int blobs_open_dir(struct blobs *b, const char *path, struct err *err)
{
	b->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->fd < 0) {
		b->fd = -EBADF;
		return err_errno(err, -errno, "cannot open the folder");
	}
	return 0;
}

static int copy_out(struct archive *a, const struct tar_file *file, int fd, uint64_t max_bytes,
		    const struct image_get_options *opts, struct err *err)
{
	struct archive_entry *entry;
	int64_t offset;
	const void *p;
	size_t n;
	int r;

	if (archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return tarfile_error(a, "the archive", err);
	while ((r = archive_read_data_block(a, &p, &n, &offset)) == ARCHIVE_OK) {
		if (opts->cancel && *opts->cancel)
			return err_set(err, -EINTR, "interrupted");
		if (n > max_bytes)
			return err_set(err, -EFBIG, "the archive decompresses to too many bytes");
		max_bytes -= n;
		if (opts->passed)
			opts->passed((uint64_t)file->pos, (uint64_t)file->size, opts->userdata);
		r = fd_write_full(fd, p, n);
		if (r < 0)
			return err_errno(err, r, "cannot decompress the archive");
	}
	return r == ARCHIVE_EOF ? 0 : tarfile_error(a, "the archive", err);
}

/* Return: descriptor or negative errno. */
static int decompress(int fd, int tmp_fd, uint64_t max_bytes, const struct image_get_options *opts,
		      struct err *err)
{
	_cleanup_close_ int out = openat(tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct tar_file *file = NULL;
	struct archive *a;
	int r;

	if (out < 0)
		return err_errno(err, -errno, "cannot make a temporary file");
	if (opts->progress)
		opts->progress("decompressing the archive", opts->userdata);
	a = tarfile_new_filter();
	r = tarfile_open_fd(a, fd, 0, &file, err);
	if (r == 0)
		r = copy_out(a, file, out, max_bytes, opts, err);
	tarfile_free(a);
	tarfile_close_fd(file);
	return r < 0 ? r : take_fd(out);
}

int blobs_open_tar(struct blobs *b, int fd, int tmp_fd, uint64_t max_bytes,
		   const struct image_get_options *opts, struct err *err)
{
	int r;

	if (tarfile_is_compressed(fd)) {
		r = decompress(fd, tmp_fd, max_bytes, opts, err);
	} else {
		r = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (r < 0)
			r = err_errno(err, -errno, "cannot read it");
	}
	if (r < 0)
		return r;
	b->fd = r;
	return blob_index_read(b->fd, opts->cancel, &b->entries, &b->n, err);
}

char *blobs_name(const struct blobs *b, const struct digest *digest)
{
	return xasprintf("%s%s", b->prefix, digest_hex(digest));
}

void blobs_done(struct blobs *b)
{
	b->fd = fd_close(b->fd);
	blob_index_free(take_ptr(b->entries), b->n);
	b->n = 0;
}

static int open_in_dir(const struct blobs *b, const char *name, struct blob *ret, struct err *err)
{
	struct stat st;
	int fd = path_open_beneath(b->fd, name, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);

	if (fd == -ENOENT)
		return err_set(err, fd, "'%s' is missing in it", text_of(name));
	if (fd < 0)
		return err_errno(err, fd, "cannot open '%s' in it", text_of(name));
	ret->fd = fd;
	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot read '%s' in it", text_of(name));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EBADMSG, "'%s' in it is no regular file", text_of(name));
	ret->size = (uint64_t)st.st_size;
	ret->buf = xmalloc(BUF_SIZE);
	return 0;
}

static int open_in_tar(const struct blobs *b, const char *name, struct blob *ret, struct err *err)
{
	const struct blob_entry *e = blob_index_find(b->entries, b->n, name);
	struct archive_entry *entry;
	int r;

	if (!e)
		return err_set(err, -ENOENT,
			       "there is no '%s' in it: it is truncated, or of another kind",
			       text_of(name));
	ret->tar = tarfile_new();
	r = tarfile_open_fd(ret->tar, b->fd, e->offset, &ret->file, err);
	if (r < 0)
		return r;
	if (tarfile_next(ret->tar, &ret->file->header, &entry) < ARCHIVE_WARN)
		return tarfile_error(ret->tar, "the archive", err);
	ret->size = (uint64_t)archive_entry_size(entry);
	return 0;
}

int blob_open(const struct blobs *b, const char *name, struct blob *ret, struct err *err)
{
	struct blob blob = BLOB_NULL;
	int r = b->entries ? open_in_tar(b, name, &blob, err) : open_in_dir(b, name, &blob, err);

	if (r < 0) {
		blob_done(&blob);
		return r;
	}
	*ret = blob;
	return 0;
}

int blob_open_fd(int fd, struct blob *ret, struct err *err)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (own < 0)
		return err_errno(err, -errno, "cannot read it");
	*ret = (struct blob){.fd = own, .size = UINT64_MAX, .buf = xmalloc(BUF_SIZE)};
	return 0;
}

ssize_t blob_read(struct blob *b, void *buf, size_t size, struct err *err)
{
	ssize_t n;

	if (b->tar)
		return -ENOTSUP;
	do
		n = read(b->fd, buf, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_errno(err, -errno, "cannot read it") : n;
}

static ssize_t next_of_fd(struct blob *b, const void **ret, struct err *err)
{
	*ret = b->buf;
	return blob_read(b, b->buf, BUF_SIZE, err);
}

static ssize_t next_of_tar(struct blob *b, const void **ret, struct err *err)
{
	int64_t offset;
	size_t n;
	int r = archive_read_data_block(b->tar, ret, &n, &offset);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK)
		return tarfile_error(b->tar, "the archive", err);
	/* Nobody stores blobs as sparse files; a hole would have to be read as zeros. */
	if (offset != b->pos)
		return err_set(err, -ENOTSUP, "the archive holds a sparse file");
	b->pos += (int64_t)n;
	return (ssize_t)n;
}

ssize_t blob_next(struct blob *b, const void **ret, struct err *err)
{
	return b->tar ? next_of_tar(b, ret, err) : next_of_fd(b, ret, err);
}

void blob_done(struct blob *b)
{
	b->fd = fd_close(b->fd);
	free(take_ptr(b->buf));
	tarfile_free(take_ptr(b->tar));
	tarfile_close_fd(take_ptr(b->file));
}

int blob_slurp(const struct blobs *b, const char *name, size_t max, char **ret_data,
	       size_t *ret_len, struct err *err)
{
	_cleanup_blob_ struct blob blob = BLOB_NULL;
	_cleanup_free_ char *data = NULL;
	size_t len = 0;
	const void *p;
	ssize_t n;
	int r = blob_open(b, name, &blob, err);

	if (r < 0)
		return r;
	if (blob.size > max)
		return err_set(err, -EFBIG, "'%s' in it has more than %zu bytes", text_of(name),
			       max);
	data = xmalloc(blob.size + 1);
	while ((n = blob_next(&blob, &p, err)) > 0) {
		/* A file may have grown since its size was asked for. */
		if ((size_t)n > blob.size - len)
			return err_set(err, -EFBIG, "'%s' in it changes while it is read",
				       text_of(name));
		memcpy(data + len, p, (size_t)n);
		len += (size_t)n;
	}
	if (n < 0)
		return (int)n;
	data[len] = '\0';
	*ret_data = take_ptr(data);
	*ret_len = len;
	return 0;
}
