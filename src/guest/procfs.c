/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/procfs.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include "base/fd.h"

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

void procfs_close(void)
{
	proc = fd_close(proc);
}
