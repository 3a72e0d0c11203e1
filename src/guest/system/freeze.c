/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/system/freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/mount/mountinfo.h"
#include "guest/procfs.h"

/* The process' root holds links that its owner has made: none leads out of it. */
static int open_mount(int root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static void each_mount(pid_t pid, void (*one)(int fd, const char *path, int out), int out)
{
	_cleanup_close_ int dir = -EBADF, root = -EBADF;
	char name[16] = "self";
	struct mountinfo info;
	struct mountinfo_line line;
	int proc = procfs_get();

	if (pid > 0)
		(void)snprintf(name, sizeof(name), "%d", (int)pid);
	dir = proc < 0 ? proc : openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	root = dir < 0 ? dir : openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || mountinfo_open(&info, dir, "mountinfo") < 0)
		return;
	while (mountinfo_next(&info, &line)) {
		_cleanup_close_ int fd = -EBADF;

		if (line.on_device && line.writable)
			fd = open_mount(root, line.path);
		if (fd >= 0)
			one(fd, line.path, out);
	}
	mountinfo_close(&info);
}

static void freeze_one(int fd, const char *path, int out)
{
	if (ioctl(fd, FIFREEZE, 0) == 0 && out >= 0)
		(void)fd_write_full(out, path, strlen(path) + 1);
}

static void thaw_one(int fd, const char *path _unused_, int out _unused_)
{
	(void)ioctl(fd, FITHAW, 0);
}

void freeze_mounts(pid_t pid, int out)
{
	each_mount(pid, freeze_one, out);
}

void thaw_mounts(pid_t pid)
{
	each_mount(pid, thaw_one, -EBADF);
}
