/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/macro.h"
#include "base/path.h"

#define LOCKED	  (MS_NOSUID | MS_NOEXEC | MS_NODEV)
#define DEPTH_MAX 16

/* In this order. */
static const struct {
	const char *source, *target, *type;
	unsigned long flags;
	const char *data;
	bool optional; /* not all kernels have it */
} mounts[] = {
	{"proc", "/proc", "proc", LOCKED, NULL, false},
	{"sysfs", "/sys", "sysfs", LOCKED, NULL, false},
	{"devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=755", true},
	/* Its options are the last mount's: a container's limits are not its own to change. */
	{"cgroup2", ROOT_CGROUP, "cgroup2", LOCKED, "nsdelegate", false},
};

/*
 * To bind a file keeps it: its name in the initramfs can go, and no byte is copied. Read-only, as
 * nobody has to change crun.
 */
static int move_file(int from, int to, const char *name, mode_t mode)
{
	struct mount_attr attr = {.attr_set =
					  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
	_cleanup_close_ int file =
		(int)syscall(SYS_open_tree, from, name,
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	_cleanup_close_ int place =
		openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 07777);

	if (file < 0 || place < 0 ||
	    syscall(SYS_mount_setattr, file, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ||
	    syscall(SYS_move_mount, file, "", place, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return unlinkat(from, name, 0) < 0 ? -errno : 0;
}

static int move_all(int from, int to, unsigned int depth);

static int move_folder(int from, int to, const char *name, mode_t mode, unsigned int depth)
{
	const int how = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int inner = openat(from, name, how), place = -EBADF;
	int r;

	if (inner < 0 || mkdirat(to, name, mode & 07777) < 0)
		return -errno;
	place = openat(to, name, how);
	r = place < 0 ? -errno : move_all(inner, place, depth);
	if (r == 0 && unlinkat(from, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

static int move_one(int from, int to, const char *name, unsigned int depth)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISREG(st.st_mode))
		return move_file(from, to, name, st.st_mode);
	if (S_ISDIR(st.st_mode))
		return depth == 0 ? -ELOOP : move_folder(from, to, name, st.st_mode, depth - 1);
	/* Devices: the next who needs one makes it. */
	return unlinkat(from, name, 0) < 0 ? -errno : 0;
}

static int move_all(int from, int to, unsigned int depth)
{
	_cleanup_dir_ DIR *dir = dir_open(from, ".");
	int r = dir ? 0 : -errno;
	const char *name;

	while (r == 0 && (name = dir_next(dir)))
		r = move_one(from, to, name, depth);
	return r;
}

static int mount_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		int r = path_mkdirs(mounts[i].target, 0755);

		if (r == 0 &&
		    mount(mounts[i].source, mounts[i].target, mounts[i].type, mounts[i].flags,
			  mounts[i].data) < 0 &&
		    errno != EBUSY)
			r = -errno;
		if (r < 0 && !mounts[i].optional)
			return r;
	}
	return 0;
}

/* On "/", where the way down from the first mount ends; but our own "/" is still that one. */
static int mount_on_root(void)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	_cleanup_close_ int root = -EBADF;

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "755", 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	root = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (root < 0 ||
	    syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return take_fd(root);
}

int root_leave_initramfs(void)
{
	_cleanup_close_ int from = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int to = from < 0 ? -errno : mount_on_root();
	int r = to < 0 ? to : move_all(from, to, DEPTH_MAX);

	if (r < 0)
		return r;
	return fchdir(to) < 0 || chroot(".") < 0 ? -errno : 0;
}

static bool prepared;

bool root_prepared(void)
{
	return prepared;
}

int root_prepare(void)
{
	int r;

	if (prepared)
		return 0;
	r = mount_all();
	if (r < 0) {
		log_error("cannot prepare for containers: %s", strerror(-r));
		return r;
	}
	prepared = true;
	return 0;
}
