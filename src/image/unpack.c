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
		(void)err_wrap(err, r, "layer %zu of %zu", i + 1, m->n);
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
	uint64_t max_bytes = opts->max_bytes ? opts->max_bytes : IMAGE_BYTES_MAX;

	return (struct allowance){
		.bytes = max_bytes,
		.max_bytes = max_bytes,
		.entries = opts->max_entries ? opts->max_entries : IMAGE_ENTRIES_MAX,
		.cancel = opts->cancel,
		.passed = opts->passed,
		.userdata = opts->userdata,
	};
}

static int make_rootfs(int dirfd, struct err *err)
{
	int fd;

	if (mkdirat(dirfd, store_form(IMAGE_FOLDER), 0755) < 0)
		return err_errno(err, -errno, "cannot make a folder for it");
	fd = openat(dirfd, store_form(IMAGE_FOLDER),
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
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
		openat(dirfd, STORE_CONFIG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_full(fd, data, len);

	return r < 0 ? err_errno(err, r, "cannot write its configuration") : 0;
}

int unpack_folder(int dirfd, const struct unpack_feed *feed, struct allowance *allowance,
		  struct err *err)
{
	_cleanup_close_ int root = make_rootfs(dirfd, err);
	struct layer_sink sink;
	struct tree tree;
	int r;

	if (root < 0)
		return root;
	tree_init(&tree, root, allowance);
	sink = tree_sink(&tree);
	r = feed->put(&sink, allowance, feed->userdata, err);
	if (r == 0)
		r = tree_finish(&tree, err);
	if (r == 0)
		r = seal_write(dirfd, IMAGE_FOLDER, &tree.sums, err);
	tree_done(&tree);
	return r;
}

int unpack_disk(int dirfd, int (*fill)(int fd, void *userdata, struct err *err), void *userdata,
		struct err *err)
{
	_cleanup_close_ int fd =
		openat(dirfd, store_form(IMAGE_DISK), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "cannot make a file for it");
	r = fill(fd, userdata, err);
	return r < 0 ? r : seal_write(dirfd, IMAGE_DISK, NULL, err);
}

int unpack_commit(const struct store *store, const struct unpack_job *job, struct err *err)
{
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_NULL;
	_cleanup_close_ int lock = -EBADF;
	int r = store_tmp_new(store, &tmp, err);

	if (r == 0)
		r = write_config(tmp.fd, job->config, job->config_len, err);
	if (r == 0)
		r = job->fill[store->form](tmp.fd, job->userdata, err);
	/* Until it is there: the next one counts it. */
	if (r == 0 && job->opts->limit)
		r = lock = store_make_room(&tmp, job->id, job->opts->limit, job->opts->cancel, err);
	return r < 0 ? r : store_commit(&tmp, job->id, err);
}

/* struct unpack - an image's layers, to be put into one of the forms */
struct unpack {
	const struct source *source;
	const struct image_get_options *opts;
	struct diff_ids diff_ids;
};

static int put_layers(const struct layer_sink *sink, struct allowance *allowance, void *userdata,
		      struct err *err)
{
	struct unpack *u = userdata;

	return unpack_layers(u->source, &u->diff_ids, sink, allowance, u->opts, err);
}

static int fill_folder(int dirfd, void *userdata, struct err *err)
{
	struct unpack *u = userdata;
	const struct unpack_feed feed = {.put = put_layers, .userdata = u};
	struct allowance allowance = unpack_allowance(u->opts);

	return unpack_folder(dirfd, &feed, &allowance, err);
}

static int build_layers(int fd, void *userdata, struct err *err)
{
	struct unpack *u = userdata;
	struct allowance allowance = unpack_allowance(u->opts);

	return build_disk(fd, u->source, &u->diff_ids, &allowance, u->opts, err);
}

static int fill_disk(int dirfd, void *userdata, struct err *err)
{
	return unpack_disk(dirfd, build_layers, userdata, err);
}

int unpack_image(const struct store *store, const struct source *source,
		 const struct image_get_options *opts, struct err *err)
{
	struct unpack u = {.source = source, .opts = opts, .diff_ids = DIFF_IDS_NULL};
	struct image_config parsed = IMAGE_CONFIG_NULL;
	_cleanup_free_ char *config = NULL;
	struct unpack_job job = {
		.id = &source->manifest.config.digest,
		.fill = {[IMAGE_FOLDER] = fill_folder, [IMAGE_DISK] = fill_disk},
		.userdata = &u,
		.opts = opts,
	};
	int r = source_config(source, &config, &job.config_len, err);

	job.config = config;
	if (r == 0)
		r = config_parse(config, job.config_len, &parsed, &u.diff_ids, err);
	if (r == 0)
		r = unpack_commit(store, &job, err);
	image_config_done(&parsed);
	diff_ids_done(&u.diff_ids);
	return r;
}
