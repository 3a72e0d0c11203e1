/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"

static int open_resolved(int dirfd, const char *path, uint64_t flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode : 0,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	/*
	 * -EAGAIN: something was renamed meanwhile, the kernel cannot tell whether ".." was safe.
	 */
	for (int tries = 0; tries < 64; tries++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int path_open_beneath(int dirfd, const char *path, uint64_t flags, mode_t mode)
{
	return open_resolved(dirfd, path, flags, mode, RESOLVE_BENEATH);
}

int path_open_in_root(int rootfd, const char *path, uint64_t flags, mode_t mode)
{
	return open_resolved(rootfd, path, flags, mode, RESOLVE_IN_ROOT);
}

int path_open_strict(int dirfd, const char *path, uint64_t flags, mode_t mode)
{
	return open_resolved(dirfd, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

int path_open_real(const char *path, uint64_t flags)
{
	return open_resolved(AT_FDCWD, path, flags, 0, RESOLVE_NO_SYMLINKS);
}

bool path_is_same(const char *a, const char *b)
{
	struct stat one, other;

	return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

int path_mkdirs(const char *path, mode_t mode)
{
	char buf[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(buf))
		return len == 0 ? -ENOENT : -ENAMETOOLONG;
	memcpy(buf, path, len + 1);
	for (char *p = buf + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(buf, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(buf, mode) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

/*
 * A folder deeper down than this is moved up into the topmost one and removed there: each level
 * takes descriptors and stack, and whoever fills a tree may nest it without end.
 */
#define REMOVE_DEPTH_MAX 64

/* @top: the topmost folder; @moved: how many were moved into it */
struct removal {
	dev_t dev;
	int top;
	unsigned int moved;
};

static int remove_children(int fd, struct removal *rm, int depth);

static int move_to_top(int dirfd, const char *name, struct removal *rm)
{
	char to[32];

	do {
		(void)snprintf(to, sizeof(to), ".deep-%u", rm->moved++);
		if (syscall(SYS_renameat2, dirfd, name, rm->top, to, RENAME_NOREPLACE) == 0)
			return 0;
	} while (errno == EEXIST);
	return -errno;
}

static int remove_folder(int dirfd, const char *name, struct removal *rm, int depth)
{
	_cleanup_close_ int fd =
		openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	unsigned int moved;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != rm->dev)
		return -EXDEV;
	if (depth == 0)
		rm->top = fd;
	do {
		moved = rm->moved;
		r = remove_children(fd, rm, depth);
	} while (depth == 0 && rm->moved != moved);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && r == 0)
		r = -errno;
	return r;
}

static int remove_entry(int dirfd, const char *name, struct removal *rm, int depth)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return depth > REMOVE_DEPTH_MAX ? move_to_top(dirfd, name, rm)
					: remove_folder(dirfd, name, rm, depth);
}

static int remove_children(int fd, struct removal *rm, int depth)
{
	_cleanup_dir_ DIR *dir = dir_open(fd, ".");
	int r = dir ? 0 : -errno, q;
	const char *entry;

	while (dir && (entry = dir_next(dir))) {
		q = remove_entry(fd, entry, rm, depth + 1);
		if (r == 0)
			r = q;
	}
	return r;
}

int path_remove_tree(int dirfd, const char *name)
{
	struct removal rm = {.top = -EBADF};
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	rm.dev = st.st_dev;
	return remove_entry(dirfd, name, &rm, 0);
}
