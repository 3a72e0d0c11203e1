/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/mem.h"
#include "image/layout-impl.h"
#include "tar/write.h"

/* A copy without the bytes coming to us is of no use where they go to another file system. */
#define PIECE (1u << 20)

static int add_folder(struct tar_writer *t, const char *path)
{
	return tar_write_member(
		t, &(struct tar_member){.path = path, .type = TAR_FOLDER, .mode = 0755});
}

static int add_text(struct tar_writer *t, const char *path, const char *text)
{
	const struct tar_member m = {
		.path = path, .type = TAR_FILE, .mode = 0644, .size = strlen(text)};
	int r = tar_write_member(t, &m);

	if (r == 0)
		r = tar_write_data(t, text, m.size);
	return r < 0 ? r : tar_write_pad(t);
}

static int copy(struct tar_writer *t, int fd, uint64_t size)
{
	_cleanup_free_ char *buf = xmalloc(PIECE);

	for (uint64_t at = 0; at < size;) {
		ssize_t n = pread(fd, buf, MIN(size - at, (uint64_t)PIECE), (off_t)at);
		int r = n < 0 ? -errno : n == 0 ? -EIO : tar_write_data(t, buf, (size_t)n);

		if (r < 0)
			return r;
		at += (uint64_t)n;
	}
	return tar_write_pad(t);
}

static int add_blobs(struct tar_writer *t, const struct layout_blob *v, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		_cleanup_free_ char *name = layout_blob_name(&v[i]);
		const struct tar_member m = {
			.path = name, .type = TAR_FILE, .mode = 0644, .size = v[i].size};
		bool twice = false;

		for (size_t j = 0; j < i; j++)
			twice |= strcmp(v[i].digest.text, v[j].digest.text) == 0;
		if (twice)
			continue;
		r = tar_write_member(t, &m);
		if (r == 0)
			r = copy(t, v[i].output.fd, v[i].size);
	}
	return r;
}

int layout_archive_finish(struct layout_writer *w, struct err *err)
{
	struct tar_writer t = {.put = fd_put, .userdata = &w->output.fd};
	_cleanup_free_ char *index = NULL;
	int r = layout_json_index(&w->blobs[w->n - 1], w->tag, NULL, 0, &index, err);

	if (r < 0)
		return r;
	r = add_text(&t, LAYOUT_FILE, LAYOUT_VERSION);
	if (r == 0)
		r = add_text(&t, LAYOUT_INDEX, index);
	if (r == 0)
		r = add_folder(&t, "blobs");
	if (r == 0)
		r = add_folder(&t, "blobs/sha256");
	if (r == 0)
		r = add_blobs(&t, w->blobs, w->n);
	if (r == 0)
		r = tar_write_end(&t);
	return r < 0 ? layout_writer_failed(w, r, err) : output_commit(&w->output, err);
}
