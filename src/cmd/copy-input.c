/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/copy-input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/tarfile.h"

#define BUFFER_SIZE (256u << 10)

/* So many bytes say by what it is compressed; a tar has more in any case. */
#define HEAD 10

/**
 * struct input - what is read
 * @have: bytes of @buf that were read to look at them, and have not been used yet
 * @failed: of read(2), or what ended the transfer
 */
struct input {
	struct copy_stream *stream;
	int fd, failed;
	char *buf;
	size_t have;
};

/* Docker takes these, too. The whole mark counts: a tar begins with a file's name. */
static const struct {
	const char *program, *magic;
	size_t len;
} others[] = {
	{"xz",
	 "\xfd"
	 "7zXZ",
	 6},
	{"bzip2", "BZh91AY&SY", 10},
	{"lz4", "\x04\x22\x4d\x18", 4},
	{"lzip", "LZIP\x01", 5},
};

static ssize_t read_some(struct input *in)
{
	ssize_t n;

	do {
		int r = copy_stream_await(in->stream, in->fd);

		if (r < 0)
			return r;
		n = read(in->fd, in->buf + in->have, BUFFER_SIZE - in->have);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	return n < 0 ? -errno : n;
}

/* What was read already, else the next bytes. */
static ssize_t next(struct input *in)
{
	ssize_t n = (ssize_t)in->have;

	if (n == 0)
		n = read_some(in);
	in->have = 0;
	return n;
}

static int read_head(struct input *in)
{
	ssize_t n = 1;

	while (in->have < HEAD && n > 0) {
		n = read_some(in);
		in->have += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? (int)n : 0;
}

static int copy_plain(struct input *in)
{
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = next(in)) != 0)
		r = n < 0 ? (int)n : copy_stream_put(in->stream, in->buf, (size_t)n);
	return r;
}

static la_ssize_t feed(struct archive *a, void *userdata, const void **ret)
{
	struct input *in = userdata;
	ssize_t n = next(in);

	*ret = in->buf;
	if (n >= 0)
		return n;
	in->failed = (int)n;
	archive_set_error(a, (int)-n, "%s", strerror((int)-n));
	return -1;
}

static int put_decompressed(struct input *in, struct archive *a, struct err *err)
{
	struct archive_entry *entry;
	int64_t offset;
	const void *p;
	size_t n;
	int put = 0, r = archive_read_open(a, in, NULL, feed, NULL);

	if (r == ARCHIVE_OK)
		r = archive_read_next_header(a, &entry);
	while (r == ARCHIVE_OK && put == 0) {
		r = archive_read_data_block(a, &p, &n, &offset);
		if (r == ARCHIVE_OK)
			put = copy_stream_put(in->stream, p, n);
	}
	if (put < 0 || in->failed < 0)
		return put < 0 ? put : in->failed;
	return r == ARCHIVE_EOF || r == ARCHIVE_OK ? 0 : tarfile_error(a, "the archive", err);
}

static int copy_compressed(struct input *in, struct err *err)
{
	struct archive *a = tarfile_new_filter();
	int r = put_decompressed(in, a, err);

	tarfile_free(a);
	return r;
}

static int check_others(const struct input *in, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (in->have >= others[i].len && !memcmp(in->buf, others[i].magic, others[i].len))
			return err_set(err, -ENOTSUP,
				       "the archive is compressed by %s, and only gzip and zstd "
				       "are known here: put `%s -dc |` before `caisson cp -`",
				       others[i].program, others[i].program);
	return 0;
}

int copy_input(struct copy_stream *stream, int fd, struct err *err)
{
	_cleanup_free_ char *buf = xmalloc(BUFFER_SIZE);
	struct input in = {.stream = stream, .fd = fd, .buf = buf};
	int r = read_head(&in);

	if (r == 0)
		r = check_others(&in, err);
	if (r < 0)
		return r;
	return tarfile_begins_compressed(buf, in.have) ? copy_compressed(&in, err)
						       : copy_plain(&in);
}
