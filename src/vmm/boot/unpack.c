/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/unpack.h"

#include <archive.h>
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"

#define BLOCK 65536

DEFINE_CLEANUP(struct archive *, archive_read_free)

struct input {
	int fd;
	uint64_t at, end;
	char buf[BLOCK];
};

static la_ssize_t read_input(struct archive *a, void *data, const void **ret)
{
	struct input *in = data;
	ssize_t n = pread(in->fd, in->buf, MIN(sizeof(in->buf), in->end - in->at), (off_t)in->at);

	if (n < 0) {
		archive_set_error(a, errno, "read error");
		return ARCHIVE_FATAL;
	}
	in->at += (uint64_t)n;
	*ret = in->buf;
	return n;
}

/* One stream without an archive in it: "raw". Only these filters: others run programs. */
static int open_stream(struct archive *a, struct input *in)
{
	static int (*const supports[])(struct archive *) = {
		archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
		archive_read_support_filter_xz,	  archive_read_support_filter_lzma,
		archive_read_support_filter_lz4,  archive_read_support_filter_zstd,
		archive_read_support_format_raw,
	};
	struct archive_entry *entry;

	for (size_t i = 0; i < ARRAY_SIZE(supports); i++)
		if (supports[i](a) != ARCHIVE_OK)
			return -EBADMSG;
	if (archive_read_open(a, in, NULL, read_input, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return -EBADMSG;
	/* The last filter is the file itself: there must be one more. */
	return archive_filter_count(a) > 1 ? 0 : -EBADMSG;
}

static int copy_out(struct archive *a, int out_fd, uint64_t max, uint64_t *ret_len)
{
	static char buf[BLOCK];
	uint64_t total = 0;
	la_ssize_t n;
	int r;

	while ((n = archive_read_data(a, buf, sizeof(buf))) > 0) {
		total += (uint64_t)n;
		if (total > max)
			return -EFBIG;
		r = fd_write_full(out_fd, buf, (size_t)n);
		if (r < 0)
			return r;
	}
	*ret_len = total;
	return n < 0 ? -EBADMSG : 0;
}

int unpack_range(int in_fd, uint64_t offset, uint64_t length, int out_fd, uint64_t max,
		 uint64_t *ret_len, struct err *err)
{
	_cleanup_(archive_read_free) struct archive *a = archive_read_new();
	static struct input in;
	uint64_t len = 0;
	int r;

	if (!a)
		return err_errno(err, -ENOMEM, "unpacking");
	in = (struct input){.fd = in_fd, .at = offset, .end = offset + length};
	r = open_stream(a, &in);
	if (r == 0)
		r = copy_out(a, out_fd, max, &len);
	if (r == -EBADMSG)
		return err_set(err, r, "it is damaged, or compressed in a way that is not known");
	if (r == -EFBIG)
		return err_set(err, r, "it gets larger than %llu bytes", (unsigned long long)max);
	if (r < 0)
		return err_errno(err, r, "what came out of it cannot be written");
	if (ret_len)
		*ret_len = len;
	return 0;
}
