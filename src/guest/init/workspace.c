/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "base/dir.h"
#include "base/fd.h"
#include "guest/folder.h"

/* Each level takes a descriptor; beyond that a tree was made to be deep. */
#define DEPTH_MAX 128

struct gift {
	uid_t uid;
	gid_t gid;
	dev_t device;
};

static int give_folder(const struct gift *gift, int fd, int depth);

static int give_entry(const struct gift *gift, int dir, const char *name, int depth)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (st.st_dev != gift->device)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return fchownat(dir, name, gift->uid, gift->gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno
											  : 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : give_folder(gift, fd, depth + 1);
}

/* The folder itself comes last: should the power fail, it is seen that not all was done. */
static int give_folder(const struct gift *gift, int fd, int depth)
{
	_cleanup_dir_ DIR *dir = depth < DEPTH_MAX ? dir_open(fd, ".") : NULL;
	const char *name;
	int r = 0, q;

	if (!dir)
		return depth < DEPTH_MAX ? -errno : -ELOOP;
	while ((name = dir_next(dir))) {
		q = give_entry(gift, fd, name, depth);
		if (r == 0)
			r = q;
	}
	if (fchown(fd, gift->uid, gift->gid) < 0 && r == 0)
		r = -errno;
	return r;
}

/* Who owns a folder above could have put a link there, to what is root's. */
static int open_folder(const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int workspace_make(const char *path, uid_t uid, gid_t gid)
{
	struct gift gift = {.uid = uid, .gid = gid};
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	folder_make_all(path);
	fd = open_folder(path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* Its owner may change the group, and must not get everything given anew by that. */
	if (st.st_uid == uid)
		return 0;
	gift.device = st.st_dev;
	return give_folder(&gift, fd, 0);
}
