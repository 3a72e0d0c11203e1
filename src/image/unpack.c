/* SPDX-License-Identifier: Apache-2.0 */
#include "image/unpack.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/build.h"
#include "image/config.h"
#include "image/seal.h"
#include "image/store-limit.h"
#include "image/tree.h"

static void progress(const struct image_get_options *opts, size_t i, size_t n)
{
	char line[64];

	if (!opts->progress)
		return;
	(void)snprintf(line, sizeof(line), "unpacking layer %zu of %zu", i + 1, n);
	opts->progress(line, opts->userdata);
}

static int apply(struct layer *layers, const struct source *source, size_t i,
		 const struct diff_ids *diff_ids, const struct layer_sink *sink,
		 struct allowance *allowance, struct err *err)
{
	const struct manifest *m = &source->manifest;
	struct layer *l = &layers[i % 2];
	int r;

	if (i + 1 < m->n)
		layer_open(&layers[(i + 1) % 2], &source->blobs, &m->layers[i + 1], allowance);
	sink->begin(sink->userdata);
	r = layer_apply(l, &m->layers[i], &diff_ids->v[i], sink, err);
	layer_done(l);
	if (r < 0)
		(void)err_wrap(err, "layer %zu of %zu", i + 1, m->n);
	if (r < 0 && i + 1 < m->n)
		layer_done(&layers[(i + 1) % 2]);
	return r;
}

/* The next layer is decompressed, as far as there is room for it, while one is read. */
int unpack_layers(const struct source *source, const struct diff_ids *diff_ids,
		  const struct layer_sink *sink, struct allowance *allowance,
		  const struct image_get_options *opts, struct err *err)
{
	const struct manifest *m = &source->manifest;
	struct layer layers[2];
	int r = 0;

	if (diff_ids->n != m->n)
		return err_set(err, -EBADMSG, "the manifest has %zu layers, the configuration %zu",
			       m->n, diff_ids->n);
	if (m->n > 0)
		layer_open(&layers[0], &source->blobs, &m->layers[0], allowance);
	for (size_t i = 0; i < m->n && r == 0; i++) {
		progress(opts, i, m->n);
		r = apply(layers, source, i, diff_ids, sink, allowance, err);
	}
	return r;
}

struct allowance unpack_allowance(const struct image_get_options *opts)
{
	return (struct allowance){
		.bytes = opts->max_bytes ? opts->max_bytes : IMAGE_BYTES_MAX,
		.entries = opts->max_entries ? opts->max_entries : IMAGE_ENTRIES_MAX,
		.cancel = opts->cancel,
		.passed = opts->passed,
		.userdata = opts->userdata,
	};
}

static int make_rootfs(int dirfd, struct err *err)
{
	int fd;

	if (mkdirat(dirfd, "rootfs", 0755) < 0)
		return err_errno(err, -errno, "cannot make a folder for it");
	fd = openat(dirfd, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0755) < 0) {
		int r = -errno;

		fd_close(fd);
		return err_errno(err, r, "cannot make a folder for it");
	}
	return fd;
}

static int write_config(int dirfd, const char *data, size_t len, struct err *err)
{
	_cleanup_close_ int fd =
		openat(dirfd, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_full(fd, data, len);

	return r < 0 ? err_errno(err, r, "cannot write its configuration") : 0;
}

static int fill_folder(int dirfd, const struct source *source, const struct diff_ids *diff_ids,
		       const struct image_get_options *opts, struct err *err)
{
	struct allowance allowance = unpack_allowance(opts);
	_cleanup_close_ int root = make_rootfs(dirfd, err);
	struct layer_sink sink;
	struct tree tree;
	int r;

	if (root < 0)
		return root;
	tree_init(&tree, root, &allowance);
	sink = tree_sink(&tree);
	r = unpack_layers(source, diff_ids, &sink, &allowance, opts, err);
	if (r == 0)
		r = tree_finish(&tree, err);
	if (r == 0)
		r = seal_write(dirfd, IMAGE_FOLDER, &tree.sums, err);
	tree_done(&tree);
	return r;
}

static int fill_disk(int dirfd, const struct source *source, const struct diff_ids *diff_ids,
		     const struct image_get_options *opts, struct err *err)
{
	_cleanup_close_ int fd =
		openat(dirfd, store_form(IMAGE_DISK), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	struct allowance allowance = unpack_allowance(opts);
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "cannot make a file for it");
	r = build_disk(fd, source, diff_ids, &allowance, opts, err);
	return r < 0 ? r : seal_write(dirfd, IMAGE_DISK, NULL, err);
}

static int (*const fillers[])(int dirfd, const struct source *source,
			      const struct diff_ids *diff_ids, const struct image_get_options *opts,
			      struct err *err) = {
	[IMAGE_FOLDER] = fill_folder,
	[IMAGE_DISK] = fill_disk,
};

static int unpack(const struct store *store, const struct source *source,
		  const struct image_get_options *opts, const char *config, size_t len,
		  const struct diff_ids *diff_ids, struct err *err)
{
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_NULL;
	_cleanup_close_ int lock = -EBADF;
	int r = store_tmp_new(store, &tmp, err);

	if (r == 0)
		r = write_config(tmp.fd, config, len, err);
	if (r == 0)
		r = fillers[store->form](tmp.fd, source, diff_ids, opts, err);
	/* Until it is there: the next one counts it. */
	if (r == 0 && opts->limit)
		r = lock = store_make_room(&tmp, &source->manifest.config.digest, opts->limit,
					   opts->cancel, err);
	return r < 0 ? r : store_commit(&tmp, &source->manifest.config.digest, err);
}

int unpack_image(const struct store *store, const struct source *source,
		 const struct image_get_options *opts, struct err *err)
{
	struct image_config parsed = IMAGE_CONFIG_NULL;
	struct diff_ids diff_ids = DIFF_IDS_NULL;
	_cleanup_free_ char *config = NULL;
	size_t len;
	int r = source_config(source, &config, &len, err);

	if (r == 0)
		r = config_parse(config, len, &parsed, &diff_ids, err);
	if (r == 0)
		r = unpack(store, source, opts, config, len, &diff_ids, err);
	image_config_done(&parsed);
	diff_ids_done(&diff_ids);
	return r;
}
