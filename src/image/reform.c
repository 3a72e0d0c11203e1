/* SPDX-License-Identifier: Apache-2.0 */
#include "image/reform.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/build.h"
#include "image/convert.h"
#include "image/ext4-read/ext4-read.h"
#include "image/thread.h"
#include "image/unpack.h"
#include "tar/write.h"

/*
 * From a folder to a disk as from any folder. From a disk to a folder by way of a tar, which one
 * thread reads out of the file system while the other unpacks it.
 */

struct reform {
	const struct digest *id;
	const struct image_get_options *opts;
	int held; /* folder of the image */
};

static void tell(const struct reform *re, const char *line)
{
	if (re->opts->progress)
		re->opts->progress(line, re->opts->userdata);
}

static int build(int fd, void *userdata, struct err *err)
{
	const struct reform *re = userdata;
	_cleanup_free_ char *path =
		xasprintf("/proc/self/fd/%d/%s", re->held, store_form(IMAGE_FOLDER));

	tell(re, "making a disk of the image's folder");
	return build_disk_of(fd, path, re->id, re->opts, err);
}

static int fill_disk(int dirfd, void *userdata, struct err *err)
{
	return unpack_disk(dirfd, build, userdata, err);
}

/* struct pump - the thread that reads. @disk, @out: its own */
struct pump {
	int disk, out;
	struct image_get_options opts;
	int r;
	struct err err;
};

static int put(void *userdata, const void *data, size_t len)
{
	return fd_write_full(*(int *)userdata, data, len);
}

static void *pump(void *userdata)
{
	struct pump *p = userdata;
	struct tar_writer tar = {.put = put, .userdata = &p->out};
	struct convert_walk walk = {.tar = &tar, .opts = &p->opts};

	p->r = ext4r_open(p->disk, &walk.fs, &p->err);
	if (p->r == 0)
		p->r = convert_walk(&walk, &p->err);
	ext4r_free(walk.fs);
	p->out = fd_close(p->out);
	return NULL;
}

/* Whoever has stopped first knows why. A reader that has gone is a broken pipe to the other. */
static int put_tree(const struct layer_sink *sink, struct allowance *allowance, void *userdata,
		    struct err *err)
{
	const struct reform *re = userdata;
	_cleanup_close_ int disk = openat(re->held, store_form(IMAGE_DISK),
					  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct pump p = {.disk = disk, .opts = {.cancel = re->opts->cancel}};
	struct digest plain;
	pthread_t thread;
	int fds[2], r;

	if (disk < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "cannot open the image's disk");
	tell(re, "unpacking the image's disk");
	p.out = fds[1];
	thread = thread_start(pump, &p);
	sink->begin(sink->userdata);
	r = layer_apply_fd(fds[0], sink, allowance, &plain, err);
	fd_close(fds[0]);
	(void)pthread_join(thread, NULL);
	if (p.r < 0 && p.r != -EPIPE)
		return err_set(err, p.r, "the image's disk: %s", p.err.text);
	return r;
}

static int fill_folder(int dirfd, void *userdata, struct err *err)
{
	const struct reform *re = userdata;
	const struct unpack_feed feed = {.put = put_tree, .userdata = userdata};
	struct allowance allowance = unpack_allowance(re->opts);

	return unpack_folder(dirfd, &feed, &allowance, err);
}

static bool has_other(const struct store *store, int held)
{
	if (store->form == IMAGE_DISK)
		return store_has_form(held, IMAGE_FOLDER);
	return store_has_form(held, IMAGE_DISK) && store_disk_is_whole(held);
}

int reform_image(const struct store *store, const struct digest *id,
		 const struct image_get_options *opts, struct err *err)
{
	_cleanup_close_ int held = store_hold(store, id);
	_cleanup_free_ char *config = NULL;
	struct reform re = {.id = id, .opts = opts, .held = held};
	struct unpack_job job = {
		.id = id,
		.fill = {[IMAGE_FOLDER] = fill_folder, [IMAGE_DISK] = fill_disk},
		.userdata = &re,
		.opts = opts,
	};
	int r;

	if (held == -ENOENT || (held >= 0 && !has_other(store, held)))
		return -ENOENT;
	r = held < 0
		    ? held
		    : file_slurp_at(held, STORE_CONFIG, IMAGE_CONFIG_MAX, &config, &job.config_len);
	if (r < 0)
		return err_errno(err, r, "cannot read the image in '%s/images/%s'", store->path,
				 digest_hex(id));
	job.config = config;
	return unpack_commit(store, &job, err);
}
