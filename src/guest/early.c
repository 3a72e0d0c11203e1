/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/early.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/log.h"
#include "guest/network/netlink.h"

#define LIST_MAX 65536

static int open_device(const char *path, unsigned int major, unsigned int minor)
{
	(void)mkdir("/dev", 0755);
	(void)mknod(path, S_IFCHR | 0600, makedev(major, minor));
	return open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* Containers have it as stdin, and any user may open that again. */
int early_null(void)
{
	_cleanup_close_ int fd = open_device("/dev/null", 1, 3);

	return fd < 0 || fchmod(fd, 0666) < 0 ? -errno : take_fd(fd);
}

int early_urandom(void)
{
	int fd = open_device("/dev/urandom", 1, 9);

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

void early_loopback(void)
{
	struct netlink netlink = NETLINK_NULL;
	int r = netlink_open(&netlink);

	if (r < 0)
		return;
	r = netlink_set_loopback_up(&netlink);
	if (r < 0)
		log_warn("cannot set lo up: %s", strerror(-r));
	netlink_close(&netlink);
}
