/* SPDX-License-Identifier: Apache-2.0 */
#include "image/convert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "image/config.h"
#include "image/ext4-read/ext4-read.h"
#include "image/text.h"
#include "tar/write.h"

#define FOLDER ".runcvm"

/*
 * struct convert - @files: of an image that runs by itself
 * @others: there is something besides them in their folder
 */
struct convert {
	const struct image_convert *how;
	int fd;
	struct image_convert_files files;
	bool has_files, others;
	struct image_config config;
};

static void tell(const struct convert *c, const char *line)
{
	if (c->how->opts.progress)
		c->how->opts.progress(line, c->how->opts.userdata);
}

/* @ret: NULL if there is no such file */
static int read_file(struct ext4r *fs, const struct ext4r_folder *folder, const char *path,
		     char **ret, size_t *ret_len, struct err *err)
{
	_cleanup_ext4r_inode_ struct ext4r_inode inode = EXT4R_INODE_NULL;
	uint32_t ino = ext4r_find(folder, strrchr(path, '/') + 1);
	int r;

	if (!ino)
		return 0;
	r = ext4r_inode(fs, ino, &inode, err);
	if (r == 0 && !S_ISREG(inode.mode))
		return 0;
	if (r == 0)
		r = ext4r_slurp(fs, &inode, ABI_ENTRYPOINT_MAX, ret, err);
	if (r < 0)
		return err_wrap(err, r, "'%s'", path);
	*ret_len = inode.size;
	return 0;
}

static int read_files(struct convert *c, struct ext4r *fs, const struct ext4r_folder *folder,
		      struct err *err)
{
	struct image_convert_files *f = &c->files;
	int r = read_file(fs, folder, ABI_ENTRYPOINT, &f->args, &f->args_len, err);

	if (r < 0 || !f->args)
		return r;
	r = read_file(fs, folder, ABI_ENTRYPOINT_CONF, &f->conf, &f->conf_len, err);
	if (!f->conf)
		f->conf = xstrdup("");
	c->has_files = true;
	c->others = folder->n > (ext4r_find(folder, "config") ? 2 : 1);
	return r;
}

static int find_files(struct convert *c, struct ext4r *fs, struct err *err)
{
	_cleanup_ext4r_inode_ struct ext4r_inode inode = EXT4R_INODE_NULL;
	_cleanup_ext4r_folder_ struct ext4r_folder root = EXT4R_FOLDER_NULL;
	_cleanup_ext4r_folder_ struct ext4r_folder folder = EXT4R_FOLDER_NULL;
	uint32_t ino;
	int r = ext4r_inode(fs, EXT4R_ROOT, &inode, err);

	if (r == 0)
		r = ext4r_folder(fs, &inode, EXT4R_ROOT, &root, err);
	if (r < 0)
		return err_wrap(err, r, "'/'");
	ino = ext4r_find(&root, FOLDER);
	if (!ino)
		return 0;
	r = ext4r_inode(fs, ino, &inode, err);
	if (r == 0 && !S_ISDIR(inode.mode))
		return 0;
	if (r == 0)
		r = ext4r_folder(fs, &inode, EXT4R_ROOT, &folder, err);
	return r < 0 ? err_wrap(err, r, "'/" FOLDER "'") : read_files(c, fs, &folder, err);
}

/* With a look of its own at the file system: blocks are counted again when all is read. */
static int settle(struct convert *c, struct err *err)
{
	struct ext4r *fs = NULL;
	int r = ext4r_open(c->fd, &fs, err);

	if (r == 0)
		r = find_files(c, fs, err);
	ext4r_free(fs);
	image_config_empty(&c->config);
	if (r < 0 || !c->has_files)
		return r;
	return c->how->settings(&c->files, &c->config, c->how->settings_userdata, err);
}

static int write_layer(const struct convert *c, struct layout_writer *w, struct digest *ret,
		       struct err *err)
{
	static const char *const names[] = {FOLDER "/entrypoint", FOLDER "/config", FOLDER};
	bool skip = c->has_files && !c->how->keep_entrypoint;
	struct tar_writer tar = {.put = layout_writer_put, .userdata = w};
	struct convert_walk walk = {
		.tar = &tar,
		.opts = &c->how->opts,
		.skip = names,
		.n_skip = !skip	      ? 0
			  : c->others ? 2
				      : 3,
	};
	int r = ext4r_open(c->fd, &walk.fs, err);

	if (r == 0)
		r = layout_writer_layer(w, c->how->how, err);
	if (r == 0)
		r = convert_walk(&walk, err);
	ext4r_free(walk.fs);
	if (r == -ENOSPC || r == -EDQUOT)
		return layout_writer_failed(w, r, err);
	return r < 0 ? r : layout_writer_layer_end(w, ret, err);
}

static int write_all(struct convert *c, struct layout_writer *w, struct err *err)
{
	_cleanup_free_ char *config = NULL;
	struct digest layer;
	int r = write_layer(c, w, &layer, err);

	if (r == 0)
		r = convert_config(&c->config, c->how->labels, &layer, &config, err);
	return r < 0 ? r : layout_writer_finish(w, config, strlen(config), err);
}

static int open_input(struct convert *c, struct err *err)
{
	c->fd = open(c->how->input, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return c->fd < 0 ? err_errno(err, -errno, "cannot open it") : 0;
}

int image_convert(const struct image_convert *how, struct err *err)
{
	_cleanup_(layout_writer_free) struct layout_writer *w = NULL;
	struct convert c = {.how = how, .fd = -EBADF, .config = IMAGE_CONFIG_NULL};
	int r = open_input(&c, err);

	if (r < 0)
		return err_wrap(err, r, "%s", text_of(how->input));
	r = layout_writer_open(how->output, &w, err);
	if (r < 0) {
		fd_close(c.fd);
		return r;
	}
	tell(&c, "reading the file system");
	r = settle(&c, err);
	if (r == 0)
		r = write_all(&c, w, err);
	if (r < 0)
		(void)err_wrap(err, r, "%s", text_of(how->input));
	fd_close(c.fd);
	free(c.files.args);
	free(c.files.conf);
	image_config_done(&c.config);
	return r;
}
