/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tarfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/text.h"

#define BUF_SIZE     (256 << 10)
#define MAGIC_MAX    4
#define FILTER_NAMES "gzip or zstd"

/* RFC 1952, 2.3.1; RFC 8878, 3.1.1. */
static const struct {
	int (*support)(struct archive *a);
	unsigned char magic[MAGIC_MAX];
	size_t magic_len;
} filters[] = {
	{archive_read_support_filter_gzip, {0x1f, 0x8b}, 2},
	{archive_read_support_filter_zstd, {0x28, 0xb5, 0x2f, 0xfd}, 4},
};

static struct archive *check(struct archive *a, int ok)
{
	if (!a || !ok)
		abort();
	return a;
}

struct archive *tarfile_new(void)
{
	struct archive *a = archive_read_new();

	/* "empty": no bytes at all are an archive without entries, as GNU tar has it. */
	return check(a, a && archive_read_support_format_tar(a) == ARCHIVE_OK &&
				archive_read_support_format_empty(a) == ARCHIVE_OK);
}

struct archive *tarfile_new_filter(void)
{
	struct archive *a = archive_read_new();
	bool ok = a && archive_read_support_format_raw(a) == ARCHIVE_OK &&
		  archive_read_support_format_empty(a) == ARCHIVE_OK;

	for (size_t i = 0; ok && i < ARRAY_SIZE(filters); i++)
		ok = filters[i].support(a) == ARCHIVE_OK;
	return check(a, ok);
}

bool tarfile_begins_compressed(const void *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		if (len >= filters[i].magic_len &&
		    memcmp(data, filters[i].magic, filters[i].magic_len) == 0)
			return true;
	return false;
}

bool tarfile_is_compressed(int fd)
{
	unsigned char magic[MAGIC_MAX];
	ssize_t n = pread(fd, magic, sizeof(magic), 0);

	return n > 0 && tarfile_begins_compressed(magic, (size_t)n);
}

void tarfile_free(struct archive *a)
{
	if (a)
		(void)archive_read_free(a);
}

bool tarfile_count(struct tar_header *h, size_t n)
{
	if (h->counts)
		h->left -= (int64_t)n;
	return !h->counts || h->left >= 0;
}

int tarfile_next(struct archive *a, struct tar_header *h, struct archive_entry **ret)
{
	int r = h->begun ? archive_read_data_skip(a) : ARCHIVE_OK;

	if (r < ARCHIVE_WARN)
		return r;
	*h = (struct tar_header){.left = TAR_HEADER_MAX, .counts = true, .begun = true};
	r = archive_read_next_header(a, ret);
	h->counts = false;
	return r;
}

static la_ssize_t file_read(struct archive *a, void *userdata, const void **ret)
{
	struct tar_file *f = userdata;
	ssize_t n;

	do
		n = pread(f->fd, f->buf, BUF_SIZE, f->pos);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(a, errno, "%s", strerror(errno));
		return -1;
	}
	if (!tarfile_count(&f->header, (size_t)n)) {
		archive_set_error(a, EFBIG, "a header is too large");
		return -1;
	}
	f->pos += n;
	*ret = f->buf;
	return n;
}

static la_int64_t file_skip(struct archive *a, void *userdata, la_int64_t request)
{
	struct tar_file *f = userdata;
	int64_t left = f->pos < f->size ? f->size - f->pos : 0;

	if (request > left)
		request = left;
	f->pos += request;
	return request;
}

int tarfile_open_fd(struct archive *a, int fd, int64_t offset, struct tar_file **ret,
		    struct err *err)
{
	struct tar_file *f;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot read it");
	f = xcalloc(1, sizeof(*f));
	f->fd = fd;
	f->pos = offset;
	f->size = st.st_size;
	f->buf = xmalloc(BUF_SIZE);
	*ret = f;
	(void)archive_read_set_skip_callback(a, file_skip);
	if (archive_read_open2(a, f, NULL, file_read, file_skip, NULL) != ARCHIVE_OK)
		return tarfile_error(a, "it", err);
	return 0;
}

void tarfile_close_fd(struct tar_file *f)
{
	if (!f)
		return;
	free(f->buf);
	free(f);
}

int tarfile_error(struct archive *a, const char *what, struct err *err)
{
	const char *text = archive_error_string(a);
	int code = archive_errno(a);

	/*
	 * Of its own codes, libarchive keeps EILSEQ and EINVAL for malformed input, -1 for others.
	 */
	if (code == ENOSPC || code == EIO || code == ENOMEM || code == EINTR || code == EFBIG)
		return err_errno(err, -code, "cannot read %s", what);
	if (!text)
		text = "unexpected end";
	if (strstr(text, "Unrecognized archive format"))
		return err_set(err, -EBADMSG,
			       "%s is not a tar, neither plain nor with " FILTER_NAMES, what);
	if (strstr(text, "runcated") || strstr(text, "unexpected end"))
		return err_set(err, -EBADMSG, "%s is truncated", what);
	return err_set(err, -EBADMSG, "%s is damaged: %s", what, text_of(text));
}
