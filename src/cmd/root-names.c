/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/root-names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/ext4-read/ext4-read.h"

#define FILE_MAX (16u << 20)
#define ETC	 RECORD_NAMES "/etc"

static const char *const files[] = {"passwd", "group"};

/* Return: 0; -ENOENT: it is not there. */
static int find_in(struct ext4r *fs, uint32_t dir, uint32_t parent, const char *name, mode_t type,
		   struct ext4r_inode *ret, struct err *err)
{
	_cleanup_ext4r_inode_ struct ext4r_inode inode = EXT4R_INODE_NULL;
	_cleanup_ext4r_folder_ struct ext4r_folder folder = EXT4R_FOLDER_NULL;
	int r = ext4r_inode(fs, dir, &inode, err);
	uint32_t ino;

	if (r == 0)
		r = ext4r_folder(fs, &inode, parent, &folder, err);
	if (r < 0)
		return r;
	ino = ext4r_find(&folder, name);
	if (!ino)
		return -ENOENT;
	r = ext4r_inode(fs, ino, ret, err);
	return r == 0 && (ret->mode & S_IFMT) != type ? -ENOENT : r;
}

static int read_from_disk(const char *path, const char *name, char **ret, struct err *err)
{
	_cleanup_ext4r_inode_ struct ext4r_inode etc = EXT4R_INODE_NULL, file = EXT4R_INODE_NULL;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct ext4r *fs = NULL;
	int r = fd < 0 ? err_errno(err, -errno, "cannot open it") : ext4r_open(fd, &fs, err);

	if (r == 0)
		r = find_in(fs, EXT4R_ROOT, EXT4R_ROOT, "etc", S_IFDIR, &etc, err);
	if (r == 0)
		r = find_in(fs, etc.ino, EXT4R_ROOT, name, S_IFREG, &file, err);
	if (r == 0)
		r = ext4r_slurp(fs, &file, FILE_MAX, ret, err);
	ext4r_free(fs);
	return r;
}

static int read_from_folder(const char *path, const char *name, char **ret, struct err *err)
{
	_cleanup_close_ int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
	_cleanup_free_ char *file = path_join("/etc", name);
	struct stat st;
	int r;

	if (root < 0)
		return err_errno(err, -errno, "cannot open it");
	fd = path_open_in_root(root, file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	r = fd_slurp(fd, FILE_MAX, ret, NULL);
	return r < 0 ? err_errno(err, r, "cannot read /etc/%s", name) : 0;
}

static int keep(int dir, const char *rootfs, const char *name, bool folder, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int r = folder ? read_from_folder(rootfs, name, &text, err)
		       : read_from_disk(rootfs, name, &text, err);

	if (r == -ENOENT && err->code == 0)
		return 0;
	if (r < 0)
		return err_wrap(err, r, "the image %s", rootfs);
	r = file_write_atomic_at(dir, name, text, strlen(text), 0600);
	return r < 0 ? err_errno(err, r, "cannot write %s into the container's folder", name) : 0;
}

int root_names_keep(const struct record *record, const char *rootfs, struct err *err)
{
	_cleanup_close_ int etc = -EBADF;
	struct stat st;
	int r = 0;

	if (stat(rootfs, &st) < 0)
		return err_errno(err, -errno, "cannot read the image %s", rootfs);
	if (mkdirat(record->dir, RECORD_NAMES, 0700) < 0 || mkdirat(record->dir, ETC, 0700) < 0)
		return err_errno(err, -errno, "cannot make %s/" ETC, record->dir_path);
	etc = openat(record->dir, ETC, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (etc < 0)
		return err_errno(err, -errno, "cannot open %s/" ETC, record->dir_path);
	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
		r = keep(etc, rootfs, files[i], S_ISDIR(st.st_mode), err);
	return r;
}
