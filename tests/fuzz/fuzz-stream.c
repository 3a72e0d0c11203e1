/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "image/build.h"

#include "ext4-check.h"
#include "tar-input.h"

/*
 * A tar from an unknown place, compressed or not, all the way to a file system: either there is one
 * in which e2fsck finds nothing, or one sentence, and no more was decompressed than is allowed. As a
 * layer, which a thread decompresses, it comes to the same.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define ENTRIES_MAX 1000
#define BYTES_MAX   (UINT64_C(4) << 20)

/* struct seen - what @sink gets, on its way there; and what was told of bytes that passed */
struct seen {
	struct layer_sink sink;
	uint64_t content, passed, total;
};

static void begin(void *userdata)
{
	struct seen *s = userdata;

	s->sink.begin(s->sink.userdata);
}

static int entry(void *userdata, const struct entry *e, struct err *err)
{
	struct seen *s = userdata;

	return s->sink.entry(s->sink.userdata, e, err);
}

static int content(void *userdata, const void *data, size_t len, int64_t offset, struct err *err)
{
	struct seen *s = userdata;

	s->content += len;
	return s->sink.data(s->sink.userdata, data, len, offset, err);
}

static int end(void *userdata, struct err *err)
{
	struct seen *s = userdata;

	return s->sink.end(s->sink.userdata, err);
}

static void count_passed(uint64_t bytes, uint64_t total, void *userdata)
{
	struct seen *s = userdata;

	must(bytes > s->passed && bytes <= total && total == s->total);
	s->passed = bytes;
}

static void check_message(const struct err *err, int r)
{
	must(r < 0 && err->code == r && *err->text);
	for (const char *p = err->text; *p; p++)
		must(isprint((unsigned char)*p));
}

/* Return: how much content it has, or a negative errno. */
static int64_t build(int in, size_t size, int fs_fd)
{
	struct seen seen = {.total = size};
	struct allowance allowance = {.bytes = BYTES_MAX,
				      .entries = ENTRIES_MAX,
				      .passed = count_passed,
				      .userdata = &seen};
	struct build_tree t = {.fs = ext4_new(fs_fd), .allowance = &allowance};
	const struct layer_sink sink = {begin, entry, content, end, &seen};
	struct err err = ERR_NULL;
	struct digest digest;
	int r;

	seen.sink = build_sink(&t);
	begin(&seen);
	r = layer_apply_fd(in, &sink, &allowance, &digest, &err);
	must(seen.content <= BYTES_MAX && allowance.bytes <= BYTES_MAX);
	if (r == 0) {
		must(seen.passed == size);
		ext4_check(t.fs, fs_fd);
	} else {
		check_message(&err, r);
	}
	ext4_free(t.fs);
	return r < 0 ? r : (int64_t)seen.content;
}

static void ignore_begin(void *userdata)
{
}

static int ignore_entry(void *userdata, const struct entry *e, struct err *err)
{
	return 0;
}

static int count_content(void *userdata, const void *data, size_t len, int64_t offset,
			 struct err *err)
{
	*(int64_t *)userdata += (int64_t)len;
	return 0;
}

static int ignore_end(void *userdata, struct err *err)
{
	return 0;
}

/* Puts a blob into a tar file. POSIX.1-2017, pax, "ustar Header Block". */
static void put(const uint8_t *data, size_t size, int fd)
{
	static const char zeros[2 * TAR_BLOCK];
	uint8_t head[TAR_BLOCK] = "blob";

	(void)snprintf((char *)head + 124, 12, "%011zo", size);
	head[156] = '0';
	memcpy(head + TAR_MAGIC, "ustar\00000", 8);
	tar_input_mend(head, sizeof(head));
	must(fd_write_full(fd, head, sizeof(head)) == 0 && fd_write_full(fd, data, size) == 0 &&
	     fd_write_full(fd, zeros, TAR_BLOCK - size % TAR_BLOCK) == 0 &&
	     fd_write_full(fd, zeros, sizeof(zeros)) == 0);
}

/* What a file system refuses may be a layer, but not the other way round. */
static void read_as_layer(int archive, size_t size, int64_t built)
{
	char name[] = "blob";
	struct blob_ref ref = {.path = name, .size = size, .compression = COMPRESSION_ANY};
	const struct image_get_options opts = {.cancel = NULL};
	struct allowance allowance = {.bytes = BYTES_MAX, .entries = ENTRIES_MAX};
	struct blobs blobs = BLOBS_NULL;
	const struct digest unknown = {""};
	int64_t content = 0;
	const struct layer_sink sink = {ignore_begin, ignore_entry, count_content, ignore_end,
					&content};
	struct err err = ERR_NULL;
	struct layer layer;
	int r;

	must(blobs_open_tar(&blobs, archive, -EBADF, BYTES_MAX, &opts, &err) == 0);
	layer_open(&layer, &blobs, &ref, &allowance);
	r = layer_apply(&layer, &ref, &unknown, &sink, &err);
	layer_done(&layer);
	blobs_done(&blobs);
	if (r < 0)
		check_message(&err, r);
	must(built < 0 || (r == 0 && content == built));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int in = memfd_create("tar", MFD_CLOEXEC);
	_cleanup_close_ int fs = memfd_create("fs", MFD_CLOEXEC);
	_cleanup_close_ int archive = memfd_create("archive", MFD_CLOEXEC);

	if (size == 0 || in < 0 || fs < 0 || archive < 0)
		return 0;
	must(fd_write_full(in, data, size) == 0 && lseek(in, 0, SEEK_SET) == 0);
	put(data, size, archive);
	read_as_layer(archive, size, build(in, size, fs));
	return 0;
}
