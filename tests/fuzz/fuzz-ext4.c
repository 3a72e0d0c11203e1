/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "image/build.h"
#include "image/tarfile.h"

#include "ext4-check.h"
#include "tar-input.h"

/*
 * A tar as the two layers of an image, so that its whiteouts have something to hide: whatever can be
 * made of that is a file system in which e2fsck finds nothing.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENTRIES_MAX 2000

/* More than that a sparse file may ask for, but no test need write it. */
#define CONTENT_MAX (16 << 20)

static int add_layers(struct build_tree *t, struct tar_input *in)
{
	const struct layer_sink sink = build_sink(t);
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++) {
		struct archive *tar = tarfile_new();
		struct err err = ERR_NULL;

		sink.begin(sink.userdata);
		r = -EBADMSG;
		if (tar_input_open(in, tar) == ARCHIVE_OK)
			r = layer_read(tar, &sink, t->allowance, &err);
		tarfile_free(tar);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("fs", MFD_CLOEXEC);
	struct allowance allowance = {.entries = ENTRIES_MAX};
	struct build_tree t = {.allowance = &allowance};
	struct tar_input in;

	if (size == 0 || size > CONTENT_MAX || fd < 0)
		return 0;
	tar_input_init(&in, data, size);
	t.fs = ext4_new(fd);
	if (add_layers(&t, &in) == 0)
		ext4_check(t.fs, fd);
	ext4_free(t.fs);
	tar_input_done(&in);
	return 0;
}
