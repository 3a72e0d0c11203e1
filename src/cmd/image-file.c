/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

int image_file_in_the_way(const char *target, const struct image_file *file, struct err *err)
{
	return err_set(err, -EEXIST, "%s has a /%s/%s already: --force replaces it", target,
		       file->folder, file->name);
}

/*
 * One at a time: whoever comes second waits. It is the whole image's lock, and debugfs has it as well:
 * should we be killed, it is free when that has ended.
 */
static int lock_image(int fd, const char *target, struct err *err)
{
	int r;

	do
		r = flock(fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	return r < 0 ? err_errno(err, -errno, "cannot lock %s", target) : 0;
}

static int put_folder(int fd, const char *target, const struct image_file *files, size_t n,
		      struct err *err)
{
	int r = lock_image(fd, target, err);

	return r < 0 ? r : image_file_put_folder(fd, target, files, n, err);
}

int image_file_put(const char *target, const struct image_file *files, size_t n, struct err *err)
{
	_cleanup_close_ int fd = open(target, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_close_ int image = -EBADF;
	struct stat st;
	int flags, r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot open %s", target);
	if (S_ISDIR(st.st_mode))
		return put_folder(fd, target, files, n, err);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, -EINVAL, "%s is neither a folder nor an ext4 image", target);
	/* A disk that is mounted is busy, then. */
	flags = S_ISBLK(st.st_mode) ? O_EXCL : 0;
	image = open(target, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (image < 0)
		return err_errno(err, -errno, "cannot write to %s", target);
	r = lock_image(image, target, err);
	return r < 0 ? r : image_file_put_ext4(image, target, files, n, err);
}
