/* SPDX-License-Identifier: Apache-2.0 */
#include "image/store.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/seal.h"
#include "image/tmpdir.h"

#define TMP_TRIES 1000

/* The last one made shows that all are there. */
static const char *const folders[] = {"images", "refs", "index", "tmp"};

static int make_folders(const char *dir, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	int r = path_mkdirs(dir, 0755);

	if (r < 0)
		return err_errno(err, r, "cannot make the image store '%s'", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, -errno, "cannot open the image store '%s'", dir);
	/* Not for others: images have setuid programs and device nodes in them. */
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (mkdirat(fd, folders[i], 0700) < 0 && errno != EEXIST)
			return err_errno(err, -errno, "cannot make '%s/%s' for images", dir,
					 folders[i]);
	return 0;
}

bool store_is_there(const char *dir)
{
	_cleanup_free_ char *last = path_join(dir, folders[ARRAY_SIZE(folders) - 1]);

	return access(last, F_OK) == 0;
}

int store_open(struct store *s, const char *dir, struct err *err)
{
	int r;

	s->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0 || faccessat(s->fd, "tmp", F_OK, 0) < 0) {
		fd_close(s->fd);
		r = make_folders(dir, err);
		if (r < 0)
			return r;
		s->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	s->path = s->fd < 0 ? NULL : realpath(dir, NULL);
	if (!s->path)
		return err_errno(err, -errno, "cannot open the image store '%s'", dir);
	return 0;
}

void store_done(struct store *s)
{
	s->fd = fd_close(s->fd);
	free(take_ptr(s->path));
}

/* Is the open folder still the one of that name? Between open() and flock() it may have gone. */
static bool is_still(int fd, int dirfd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dirfd, path, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int lock_shared(int fd)
{
	while (flock(fd, LOCK_SH) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

void store_image_path(const struct digest *id, char path[STORE_IMAGE_PATH])
{
	(void)snprintf(path, STORE_IMAGE_PATH, "images/%s", digest_hex(id));
}

const char *store_form(enum image_form form)
{
	static const char *const names[] = {
		[IMAGE_FOLDER] = "rootfs", [IMAGE_DISK] = "rootfs.ext4"};

	return names[form];
}

int store_hold(const struct store *s, const struct digest *id)
{
	_cleanup_close_ int fd = -EBADF;
	char path[STORE_IMAGE_PATH];
	int r;

	store_image_path(id, path);
	fd = openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = lock_shared(fd);
	if (r < 0)
		return r;
	return is_still(fd, s->fd, path) ? take_fd(fd) : -ENOENT;
}

bool store_has_form(int dirfd, enum image_form form)
{
	return faccessat(dirfd, store_form(form), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int store_find(const struct store *s, const struct digest *id)
{
	_cleanup_close_ int fd = store_hold(s, id);

	if (fd < 0)
		return fd;
	if (!store_has_form(fd, s->form))
		return -ENOENT;
	if (s->form == IMAGE_DISK && !store_disk_is_whole(fd))
		return -EBADMSG;
	return take_fd(fd);
}

int store_lock(const struct store *s, const char *key, const volatile sig_atomic_t *cancel,
	       struct err *err)
{
	struct flock l = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		/* Two keys with the same hash would only wait for each other. */
		.l_start = (off_t)(store_hash(key) >> 2),
		.l_len = 1,
	};
	_cleanup_close_ int fd =
		openat(s->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, -errno, "cannot open '%s/lock'", s->path);
	while (fcntl(fd, F_OFD_SETLKW, &l) < 0) {
		if (errno != EINTR)
			return err_errno(err, -errno, "cannot lock '%s/lock'", s->path);
		if (cancel && *cancel)
			return err_set(err, -EINTR, "interrupted");
	}
	return take_fd(fd);
}

void store_sweep(const struct store *s)
{
	tmpdir_sweep(s->fd, "tmp", "");
}

/* Return: 0; -EAGAIN: somebody swept it away before it was locked; others. */
static int try_tmp(int dirfd, struct store_tmp *t)
{
	_cleanup_close_ int fd = -EBADF;

	(void)snprintf(t->name, sizeof(t->name), "%d-%llx", (int)getpid(),
		       (unsigned long long)clock_now());
	if (mkdirat(dirfd, t->name, 0700) < 0)
		return errno == EEXIST ? -EAGAIN : -errno;
	fd = tmpdir_claim(dirfd, t->name);
	if (fd < 0)
		return fd == -ENOENT || fd == -EWOULDBLOCK ? -EAGAIN : fd;
	if (!is_still(fd, dirfd, t->name))
		return -EAGAIN;
	t->fd = take_fd(fd);
	return 0;
}

int store_tmp_new(const struct store *s, struct store_tmp *ret, struct err *err)
{
	_cleanup_close_ int dirfd = -EBADF;
	int r = -EAGAIN;

	store_sweep(s);
	dirfd = openat(s->fd, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dirfd < 0)
		return err_errno(err, -errno, "cannot open '%s/tmp'", s->path);
	for (int i = 0; r == -EAGAIN && i < TMP_TRIES; i++)
		r = try_tmp(dirfd, ret);
	if (r < 0)
		return err_errno(err, r, "cannot make a folder in '%s/tmp'", s->path);
	ret->store = s;
	return 0;
}

/* The image is there in the other form: it gets this one, too. */
static int commit_form(struct store_tmp *t, const char *image, struct err *err)
{
	const char *name = store_form(t->store->form), *sums = seal_name(t->store->form);
	_cleanup_close_ int fd =
		openat(t->store->fd, image, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : lock_shared(fd);

	if (r == 0 && !is_still(fd, t->store->fd, image))
		r = -ENOENT;
	/* Without the form its checksums count for nothing: they come first. */
	if (r == 0 && (renameat(t->fd, sums, fd, sums) < 0 || fsync(fd) < 0 ||
		       renameat(t->fd, name, fd, name) < 0 || fsync(fd) < 0))
		r = -errno;
	return r < 0 ? err_errno(err, r, "cannot put the image into '%s/%s'", t->store->path, image)
		     : take_fd(fd);
}

int store_commit(struct store_tmp *t, const struct digest *id, struct err *err)
{
	char from[sizeof("tmp/") + sizeof(t->name)], to[STORE_IMAGE_PATH];
	int fd, r;

	(void)snprintf(from, sizeof(from), "tmp/%s", t->name);
	store_image_path(id, to);
	/* Once it has its name, nothing of it may be missing after a power failure. */
	if (syncfs(t->fd) < 0)
		return err_errno(err, -errno, "cannot write the image to disk");
	r = renameat(t->store->fd, from, t->store->fd, to) < 0 ? -errno : 0;
	if (r == -EEXIST || r == -ENOTEMPTY)
		return commit_form(t, to, err);
	if (r < 0)
		return err_errno(err, r, "cannot put the image into '%s/images'", t->store->path);
	fd = take_fd(t->fd);
	r = lock_shared(fd);
	if (r < 0) {
		fd_close(fd);
		return err_errno(err, r, "cannot lock the image");
	}
	return fd;
}

void store_tmp_done(struct store_tmp *t)
{
	_cleanup_close_ int dirfd = -EBADF;

	if (t->fd < 0)
		return;
	dirfd = openat(t->store->fd, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	(void)path_remove_tree(dirfd, t->name);
	t->fd = fd_close(t->fd);
}
