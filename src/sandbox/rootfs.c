/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/path.h"
#include "sandbox/outside.h"

static int make_slaves(const char *top)
{
	return mount(NULL, top, NULL, MS_REC | MS_SLAVE, NULL) < 0 ? -errno : 0;
}

/* ".." stops at our root only if we are below it (chroot(2)). */
static int climb(int root)
{
	if (chroot("/proc") < 0 || fchdir(root) < 0)
		return -errno;
	for (int i = 0; i < PATH_MAX / 2; i++)
		if (chdir("..") < 0)
			return -errno;
	return 0;
}

/* A mount of its own for our root, which virtiofsd needs for the same reasons. */
static int mount_root(int root)
{
	_cleanup_close_ int tree =
		(int)syscall(SYS_open_tree, root, "",
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);

	if (tree < 0 || syscall(SYS_move_mount, tree, "", root, "",
				MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return fchdir(tree) < 0 || chroot(".") < 0 ? -errno : 0;
}

/*
 * In a plain chroot "/" is no mount point, and the mount that it is part of has no name there.
 * If that one is shared, what we mount would be mounted outside as well: so go up to the root of
 * the namespace, which is ours alone already, and come back.
 */
static int leave_chroot_and_return(void)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = root < 0 ? -errno : climb(root);

	if (r == 0)
		r = make_slaves(".");
	return r < 0 ? r : mount_root(root);
}

int rootfs_private_mounts(struct err *err)
{
	int r;

	outside_remember();
	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(err, -errno, "cannot make a mount namespace (this needs root)");
	r = make_slaves("/");
	if (r == -EINVAL)
		r = leave_chroot_and_return();
	if (r < 0)
		return err_errno(err, r, "cannot make the mounts of the namespace private");
	return 0;
}

static int open_folder(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int make_folder(int dirfd, const char *name)
{
	if (mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return open_folder(dirfd, name);
}

/* The root folder of an overlay is the upper one: a new one must look like the image's. */
static int make_upper(int base, int lower)
{
	struct stat st;
	int fd, r;

	if (mkdirat(base, ABI_UPPER_FOLDER, 0755) < 0)
		return errno == EEXIST ? open_folder(base, ABI_UPPER_FOLDER) : -errno;
	fd = open_folder(base, ABI_UPPER_FOLDER);
	if (fd < 0)
		return fd;
	if (fstat(lower, &st) == 0 && fchownat(fd, "", st.st_uid, st.st_gid, AT_EMPTY_PATH) == 0 &&
	    fchmodat(base, ABI_UPPER_FOLDER, st.st_mode & 07777, 0) == 0 &&
	    utimensat(base, ABI_UPPER_FOLDER, (struct timespec[]){st.st_atim, st.st_mtim}, 0) == 0)
		return fd;
	r = -errno;
	fd_close(fd);
	return r;
}

static int set_option(int fs, const char *key, int folder)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", folder);
	return syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, path, 0) < 0 ? -errno : 0;
}

/* What the kernel says of a refused mount: the first message of the fsopen() log (since 5.2). */
static int mount_refused(int fs, int error, const char *what, struct err *err)
{
	char text[256];
	ssize_t n = read(fs, text, sizeof(text) - 1);

	if (n <= 2)
		return err_errno(err, error, "%s", what);
	text[text[n - 1] == '\n' ? n - 1 : n] = '\0';
	return err_errno(err, error, "%s (%s)", what, text + 2);
}

static int mount_overlay(int lower, int upper, int work, const char *target, struct err *err)
{
	_cleanup_close_ int fs = -EBADF, mnt = -EBADF;
	int r;

	fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return err_errno(err, -errno, "this kernel has no overlayfs");
	r = set_option(fs, "lowerdir", lower);
	if (r == 0)
		r = set_option(fs, "upperdir", upper);
	if (r == 0)
		r = set_option(fs, "workdir", work);
	if (r == 0 && syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = -errno;
	if (r < 0)
		return mount_refused(fs, r, "cannot put an overlay on the image", err);
	/* On the host nothing of it is a program or a device. */
	mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mnt < 0 ||
	    syscall(SYS_move_mount, mnt, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(err, -errno, "cannot mount on %s", target);
	return 0;
}

int rootfs_mount(const char *image, const char *dir, const char *target, struct err *err)
{
	_cleanup_close_ int lower = open_folder(AT_FDCWD, image), base = open_folder(AT_FDCWD, dir);
	_cleanup_close_ int upper = -EBADF, work = -EBADF;

	if (lower < 0)
		return err_errno(err, lower, "cannot open the image's folder %s", image);
	if (base >= 0) {
		upper = make_upper(base, lower);
		work = make_folder(base, ABI_WORK_FOLDER);
	}
	if (upper < 0 || work < 0)
		return err_errno(err,
				 base < 0    ? base
				 : upper < 0 ? upper
					     : work,
				 "cannot make the folders of the overlay in %s", dir);
	return mount_overlay(lower, upper, work, target, err);
}

int rootfs_clone(int source, bool readonly, bool follows)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
						    (readonly ? MOUNT_ATTR_RDONLY : 0),
					.propagation = follows ? 0 : MS_PRIVATE};
	_cleanup_close_ int tree =
		(int)syscall(SYS_open_tree, source, "",
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);

	if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE,
				&attributes, sizeof(attributes)) < 0)
		return -errno;
	return take_fd(tree);
}

int rootfs_bind(int source, const char *target, bool readonly, bool follows, struct err *err)
{
	_cleanup_close_ int tree = rootfs_clone(source, readonly, follows);

	if (tree < 0)
		return err_errno(err, tree, "cannot mount on %s", target);
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(err, -errno, "cannot mount on %s", target);
	return 0;
}

void rootfs_unmount(const char *target)
{
	(void)umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
}
