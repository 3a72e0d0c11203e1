/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/early.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/log.h"

#define LIST_MAX 65536
#define LOCKED	 (MS_NOSUID | MS_NOEXEC | MS_NODEV)

/* /proc is the first, and the only one that vminitd itself needs. */
static const struct {
	const char *target, *type;
	unsigned long flags;
	const char *data;
} mounts[] = {
	{"/proc", "proc", LOCKED, NULL},
	{"/dev", "devtmpfs", MS_NOSUID, "mode=755"},
	{"/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=0620,gid=5"},
	{"/dev/shm", "tmpfs", LOCKED, "mode=1777"},
	{"/sys", "sysfs", LOCKED, NULL},
	{"/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"},
	{"/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"},
};

static int mount_at(size_t i)
{
	(void)mkdir(mounts[i].target, 0755);
	if (mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags,
		  mounts[i].data) == 0)
		return 0;
	return errno == EBUSY ? 0 : -errno;
}

int early_proc(void)
{
	return mount_at(0);
}

void early_mounts(void)
{
	for (size_t i = 1; i < ARRAY_SIZE(mounts); i++) {
		int r = mount_at(i);

		/* ENODEV: this kernel has no such file system. */
		if (r < 0 && r != -ENODEV)
			log_warn("cannot mount %s: %s", mounts[i].target, strerror(-r));
	}
}

void early_detach(void)
{
	for (size_t i = ARRAY_SIZE(mounts); i-- > 0;)
		(void)umount2(mounts[i].target, MNT_DETACH);
}

static int open_device(const char *path, unsigned int major, unsigned int minor)
{
	(void)mkdir("/dev", 0755);
	(void)mknod(path, S_IFCHR | 0600, makedev(major, minor));
	return open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int early_null(void)
{
	int fd = open_device("/dev/null", 1, 3);

	return fd < 0 ? -errno : fd;
}

/* The kernel gives them to init if the initramfs has /dev/console and there is such a device. */
void early_console(void)
{
	int fd;

	if (fcntl(0, F_GETFD) >= 0 && fcntl(1, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0)
		return;
	fd = open_device("/dev/console", 5, 1);
	if (fd < 0)
		fd = early_null();
	for (int i = 0; i < 3 && fd >= 0; i++)
		if (fd != i)
			(void)dup2(fd, i);
		else
			(void)fd_cloexec(fd, false);
	if (fd > 2)
		(void)close(fd);
}

static int load_module(int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		return -errno;
	/* It is in the kernel now: the initramfs' copy is only memory. */
	(void)unlinkat(dir, name, 0);
	return 0;
}

void early_modules(void)
{
	_cleanup_close_ int dir = open(ABI_MODULES_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *list, *rest, *name;

	if (dir < 0 || file_slurp_at(AT_FDCWD, ABI_MODULES_LIST, LIST_MAX, &list, NULL) < 0)
		return;
	rest = list;
	while ((name = strsep(&rest, "\n"))) {
		int r = *name ? load_module(dir, name) : 0;

		if (r < 0)
			log_warn("cannot load module %s: %s", name, strerror(-r));
	}
	free(list);
}

int early_cmdline(struct cmdline *ret)
{
	_cleanup_close_ int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	char text[2 * ABI_CMDLINE_MAX];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = fd_read_full(fd, text, sizeof(text) - 1);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return cmdline_parse(text, ret);
}
