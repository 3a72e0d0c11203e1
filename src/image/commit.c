/* SPDX-License-Identifier: Apache-2.0 */
#include "image/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/convert.h"
#include "image/ext4-read/ext4-read.h"
#include "image/layout-write.h"
#include "tar/pack.h"
#include "tar/write.h"

static int pack_folder(const char *path, struct layout_writer *w, struct err *err)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct tar_pack what = {
		.dir = dir, .name = ".", .put = layout_writer_put, .userdata = w};
	struct tar_trouble trouble = {.what = NULL};
	int r;

	if (dir < 0)
		return err_errno(err, -errno, "cannot open the image's folder %s", path);
	r = tar_pack(&what, &trouble);
	if (r == 0 || !trouble.what)
		return r < 0 ? layout_writer_failed(w, r, err) : 0;
	(void)tar_trouble_err(&trouble, r, err);
	return err_wrap(err, r, "the image's folder %s", path);
}

static int pack_disk(const char *path, struct layout_writer *w, struct err *err)
{
	static const struct image_get_options defaults;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct tar_writer tar = {.put = layout_writer_put, .userdata = w};
	struct convert_walk walk = {.tar = &tar, .opts = &defaults};
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "cannot open the image's disk %s", path);
	r = ext4r_open(fd, &walk.fs, err);
	if (r == 0)
		r = convert_walk(&walk, err);
	ext4r_free(walk.fs);
	if (r == -ENOSPC || r == -EDQUOT)
		return layout_writer_failed(w, r, err);
	return r < 0 ? err_wrap(err, r, "the image's disk %s", path) : 0;
}

static int (*const packers[])(const char *path, struct layout_writer *w, struct err *err) = {
	[IMAGE_FOLDER] = pack_folder,
	[IMAGE_DISK] = pack_disk,
};

static int write_base(const struct image_commit *c, struct layout_writer *w, struct digest *ret,
		      struct err *err)
{
	int r = layout_writer_layer(w, LAYOUT_PLAIN, err);

	if (r == 0)
		r = packers[c->form](c->rootfs, w, err);
	return r == 0 ? layout_writer_layer_end(w, ret, err) : r;
}

/* A guest may go on for ever. */
struct limited {
	struct layout_writer *w;
	uint64_t left;
};

static int put_limited(void *userdata, const void *data, size_t len)
{
	struct limited *l = userdata;

	if (len > l->left)
		return -EFBIG;
	l->left -= len;
	return layout_writer_put(l->w, data, len);
}

static int write_upper(const struct image_commit *c, struct layout_writer *w, struct digest *ret,
		       struct err *err)
{
	const uint64_t max = c->max_bytes ? c->max_bytes : IMAGE_BYTES_MAX;
	struct limited to = {.w = w, .left = max};
	int r = layout_writer_layer(w, LAYOUT_PLAIN, err);

	if (r < 0)
		return r;
	r = c->upper(put_limited, &to, c->userdata, err);
	if (r == -EFBIG && err->code == 0)
		return err_set(err, r,
			       "the container has changed more than an image may have, "
			       "%llu bytes: $CAISSON_IMAGE_MAX may allow more",
			       (unsigned long long)max);
	if (r < 0)
		return err->code < 0 ? r : layout_writer_failed(w, r, err);
	return layout_writer_layer_end(w, ret, err);
}

int image_commit(const struct image_commit *c, struct err *err)
{
	_cleanup_(layout_writer_free) struct layout_writer *w = NULL;
	struct amend amend = c->amend;
	_cleanup_free_ char *config = NULL;
	struct digest layers[2];
	int r = layout_writer_open(c->output, &w, err);

	if (r == 0)
		r = write_base(c, w, &layers[0], err);
	if (r == 0)
		r = write_upper(c, w, &layers[1], err);
	if (r < 0)
		return r;
	amend.layers = layers;
	amend.n_layers = ARRAY_SIZE(layers);
	r = amend_config(&amend, &config, err);
	return r == 0 ? layout_writer_finish(w, config, strlen(config), err) : r;
}
