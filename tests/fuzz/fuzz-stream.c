/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "image/build.h"

#include "ext4-check.h"

/*
 * A tar from an unknown place, compressed or not, all the way to a file system: either there is one
 * in which e2fsck finds nothing, or one sentence, and no more was decompressed than is allowed.
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

static void build(int in, size_t size, int fs_fd)
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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int in = memfd_create("tar", MFD_CLOEXEC);
	_cleanup_close_ int fs = memfd_create("fs", MFD_CLOEXEC);

	if (size == 0 || in < 0 || fs < 0)
		return 0;
	must(fd_write_full(in, data, size) == 0 && lseek(in, 0, SEEK_SET) == 0);
	build(in, size, fs);
	return 0;
}
