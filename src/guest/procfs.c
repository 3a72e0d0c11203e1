/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include "base/fd.h"

#define PF_FORKNOEXEC 0x40 /* proc(5), "flags", and the kernel's include/linux/sched.h */

#define FLAGS_FIELD   7 /* in /proc/PID/stat, behind the name */

/* There is one PID namespace that vminitd is in. */
static int proc = -EBADF;

static int make_proc(void)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

int procfs_get(void)
{
	if (proc < 0)
		proc = make_proc();
	return proc;
}

bool procfs_has_executed(pid_t pid)
{
	char path[32], stat[512];
	_cleanup_close_ int fd = -EBADF;
	const char *rest;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%d/stat", (int)pid);
	fd = procfs_get() < 0 ? -EBADF : openat(procfs_get(), path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);
	if (n < 0)
		return true;
	stat[n] = '\0';
	/* The name, in brackets, may have anything in it. */
	rest = strrchr(stat, ')');
	for (int i = 0; rest && i < FLAGS_FIELD; i++)
		rest = strchr(rest + 1, ' ');
	return !rest || !(strtoul(rest, NULL, 10) & PF_FORKNOEXEC);
}

int procfs_user(pid_t pid, uid_t *ret)
{
	char path[16];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%d", (int)pid);
	if (procfs_get() < 0)
		return procfs_get();
	if (fstatat(procfs_get(), path, &st, 0) < 0)
		return -errno;
	*ret = st.st_uid;
	return 0;
}

void procfs_close(void)
{
	proc = fd_close(proc);
}
