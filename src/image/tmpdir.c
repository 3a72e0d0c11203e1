/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

int tmpdir_claim(int dirfd, const char *name)
{
	_cleanup_close_ int fd =
		openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return take_fd(fd);
}

void tmpdir_sweep(int dir_fd, const char *name, const char *prefix)
{
	_cleanup_dir_ DIR *dir = dir_open(dir_fd, name);
	const char *one;

	while (dir && (one = dir_next(dir))) {
		_cleanup_close_ int claim = -EBADF;

		if (!str_starts(one, prefix))
			continue;
		claim = tmpdir_claim(dirfd(dir), one);
		if (claim >= 0)
			(void)path_remove_tree(dirfd(dir), one);
	}
}
