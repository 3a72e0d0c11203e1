/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "sandbox/rootfs.h"

/* Of the process, as its namespace is. The root is a chroot's, where it is in one. */
static int outside_root = -EBADF, outside_ns = -EBADF;

static int open_namespace(void)
{
	return open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
}

void outside_remember(void)
{
	if (outside_ns >= 0)
		return;
	outside_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	outside_ns = open_namespace();
}

/* A file system that does not answer holds nobody up. */
static int look(int fd, struct statx *ret)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, ret) < 0
		       ? -errno
		       : 0;
}

/* A folder that was mounted on itself since has the same number, but not what is mounted in it. */
static bool is_same(int a, int b)
{
	struct statx one, other;

	return a >= 0 && b >= 0 && look(a, &one) == 0 && look(b, &other) == 0 &&
	       one.stx_dev_major == other.stx_dev_major &&
	       one.stx_dev_minor == other.stx_dev_minor && one.stx_ino == other.stx_ino &&
	       !((one.stx_attributes ^ other.stx_attributes) & STATX_ATTR_MOUNT_ROOT);
}

/* What it is called there, a new string; NULL: nothing that is found again by that name. */
static char *name_of(int fd)
{
	_cleanup_free_ char *link = xasprintf("/proc/self/fd/%d", fd), *name = NULL;
	_cleanup_close_ int again = -EBADF;
	char found[PATH_MAX];
	ssize_t len = readlink(link, found, sizeof(found) - 1);

	if (len < 2 || *found != '/')
		return NULL;
	found[len] = '\0';
	again = path_open_strict(outside_root, found + 1, O_PATH, 0);
	return is_same(again, fd) ? xstrdup(found) : NULL;
}

char *outside_find(const char *path, struct stat *ret)
{
	_cleanup_close_ int fd = outside_ns < 0 || *path != '/'
					 ? -EBADF
					 : path_open_in_root(outside_root, path, O_PATH, 0);
	char *name = fd < 0 || fstat(fd, ret) < 0 ? NULL : name_of(fd);

	if (name)
		return name;
	name = realpath(path, NULL);
	if (name && stat(name, ret) == 0)
		return name;
	free(name);
	return NULL;
}

static int make_place(const char *path, int like)
{
	_cleanup_close_ int fd = -EBADF;
	struct statx st;
	int r = look(like, &st);

	if (r < 0)
		return r;
	if (S_ISDIR(st.stx_mode))
		return mkdir(path, 0700) < 0 ? -errno : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : 0;
}

/* @source: there; @home, @place: here */
struct move {
	int source, home, place;
};

/*
 * Mounts are cloned by whoever is in their namespace. As everything that was there before, what is mounted or unmounted
 * in the clone changes nothing there.
 */
static int move_here(void *data, struct err *err _unused_)
{
	struct mount_attr attributes = {.propagation = MS_SLAVE};
	const struct move *m = data;
	_cleanup_close_ int tree = -EBADF;

	if (setns(outside_ns, CLONE_NEWNS) < 0)
		return -errno;
	tree = (int)syscall(SYS_open_tree, m->source, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
	if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE,
				&attributes, sizeof(attributes)) < 0)
		return -errno;
	if (setns(m->home, CLONE_NEWNS) < 0 ||
	    syscall(SYS_move_mount, tree, "", m->place, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static int bring(int source, const char *place)
{
	_cleanup_close_ int home = open_namespace(), at = -EBADF;
	int r = home < 0 ? -errno : make_place(place, source);

	if (r < 0)
		return r;
	at = open(place, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	r = at < 0 ? -errno : proc_call(move_here, &(struct move){source, home, at}, NULL);
	return r < 0 ? r : path_open_real(place, O_PATH);
}

int outside_open(const char *path, const char *place, struct err *err)
{
	_cleanup_close_ int here = path_open_real(path, O_PATH);
	const char *name = path + strspn(path, "/");
	_cleanup_close_ int there =
		outside_ns < 0 || !*name ? -EBADF : path_open_strict(outside_root, name, O_PATH, 0);
	int r = here;

	if (there >= 0 && !is_same(here, there)) {
		r = bring(there, place);
		if (r < 0)
			outside_leave(place);
		return r < 0 ? err_errno(err, r, "cannot take %s from where it is mounted", path)
			     : r;
	}
	return r < 0 ? err_errno(err, r, "cannot open the volume %s", path) : take_fd(here);
}

void outside_leave(const char *place)
{
	rootfs_unmount(place);
	if (rmdir(place) < 0 && errno == ENOTDIR)
		(void)unlink(place);
}
