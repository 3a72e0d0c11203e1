/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "image/tree.h"

/*
 * Whiteouts. "Whiteout files MUST only apply to resources in lower/parent layers" (image-spec 1.1,
 * layer.md), wherever in the layer's tar they stand: so what this layer added before its whiteout
 * must survive it. tree->added knows those names, by folder and name. Should two names ever share a
 * hash there, a file of a lower layer would stay that ought to go.
 */

/* Deeper than any path that an entry can name, so that no honest image comes here. */
#define DEPTH_MAX 256

static int hide_children(struct tree *t, int fd, uint64_t dir, int depth);

static int hide_folder(struct tree *t, int dirfd, const char *name, int depth)
{
	_cleanup_close_ int fd =
		openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	r = depth > DEPTH_MAX ? -ELOOP : hide_children(t, fd, st.st_ino, depth);
	return r < 0 ? r : tree_restore_mtime(fd, st.st_mtim);
}

static int hide(struct tree *t, int dirfd, uint64_t dir, const char *name, int depth)
{
	bool ours = nameset_has(&t->added, dir, name);
	struct stat st;
	int r;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return ours || unlinkat(dirfd, name, 0) == 0 ? 0 : -errno;
	/* A folder that both have: what lower layers have inside goes. */
	r = hide_folder(t, dirfd, name, depth);
	if (r < 0 || ours)
		return r;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	return 0;
}

static int hide_children(struct tree *t, int fd, uint64_t dir, int depth)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), r = 0;
	struct dirent *de;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d) {
		r = -errno;
		fd_close(copy);
		return r;
	}
	while (r == 0 && (de = readdir(d)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = hide(t, fd, dir, de->d_name, depth + 1);
	(void)closedir(d);
	return r;
}

int tree_hide(struct tree *t, int dirfd, uint64_t dir, const char *name)
{
	t->parent_stale = true;
	return hide(t, dirfd, dir, name, 0);
}

int tree_hide_all(struct tree *t, int dirfd)
{
	struct stat st;

	t->parent_stale = true;
	if (fstat(dirfd, &st) < 0)
		return -errno;
	return hide_children(t, dirfd, st.st_ino, 0);
}
