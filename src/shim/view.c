/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/share.h"
#include "sandbox/volume.h"

/* A copy of its namespace: what is mounted in ours it does not see. */
static int copy_namespace(pid_t shim)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/ns/mnt", (int)shim);
	_cleanup_close_ int ns = open(path, O_RDONLY | O_CLOEXEC);

	if (ns < 0 || setns(ns, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS) < 0)
		return -errno;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

static int is_folder(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -errno : S_ISDIR(st.st_mode);
}

/*
 * Where the container has it; a link of the container's leads nowhere else. What is in one of its tmpfs or
 * disks has no place here, or there is something else in that, which the container does not see.
 */
static int bind_volume(int root, const struct record *vm, const struct sandbox_spec *spec, size_t i)
{
	_cleanup_close_ int source = share_open_volume(vm, spec, i);
	_cleanup_close_ int at = path_open_in_root(root, spec->volume_targets.v[i], O_PATH, 0);
	_cleanup_close_ int tree =
		(int)syscall(SYS_open_tree, source, "",
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);

	if (at == -ENOENT || at == -ENOTDIR || at == -ELOOP)
		return 0;
	if (at < 0 || tree < 0)
		return at < 0 ? at : -errno;
	if (is_folder(at) != is_folder(tree))
		return 0;
	return syscall(SYS_move_mount, tree, "", at, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

/* One folder is both the new root and the place of the old one (pivot_root(2), "."). */
static int pivot(int root)
{
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0)
		return -errno;
	return chdir("/") < 0 ? -errno : 0;
}

int view_enter(pid_t shim, const struct record *vm, const struct sandbox_spec *spec)
{
	_cleanup_close_ int root = -EBADF;
	int r = copy_namespace(shim);

	if (r < 0)
		return r;
	root = share_open_rootfs(vm, spec);
	if (root < 0)
		return root;
	for (size_t i = 0; r == 0 && i < spec->volumes.n; i++)
		if (volume_of(spec->volumes.v[i]).kind == VOLUME_SHARED)
			r = bind_volume(root, vm, spec, i);
	return r < 0 ? r : pivot(root);
}
