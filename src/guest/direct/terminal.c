/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"

/* The container may have put anything there by the time of an exec: never wait, and look twice. */
static int open_master(void)
{
	_cleanup_close_ int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int unlock = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* TTYAUX_MAJOR, "ptmx" (Documentation/admin-guide/devices.txt of the kernel). */
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return -ENODEV;
	if (ioctl(fd, TIOCSPTLCK, &unlock) < 0)
		return -errno;
	return take_fd(fd);
}

static int bind_console(int master)
{
	_cleanup_close_ int console = -EBADF;
	char slave[32];
	int n;

	if (ioctl(master, TIOCGPTN, &n) < 0)
		return -errno;
	(void)snprintf(slave, sizeof(slave), "/dev/pts/%d", n);
	console = open("/dev/console", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (console < 0 || mount(slave, "/dev/console", NULL, MS_BIND, NULL) < 0)
		return -errno;
	return 0;
}

int terminal_open(struct setup *s)
{
	_cleanup_close_ int master = -EBADF, slave = -EBADF;
	struct winsize size = {.ws_row = s->rows, .ws_col = s->columns};

	if (!s->request->process->terminal)
		return 0;
	master = open_master();
	if (master < 0)
		return master;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		return -errno;
	if (size.ws_row && ioctl(master, TIOCSWINSZ, &size) < 0)
		return -errno;
	for (int i = 0; i < 3; i++)
		if (dup2(slave, i) < 0)
			return -errno;
	if (!s->is_exec && bind_console(master) < 0)
		return -errno;
	return setup_hand_over(s, SETUP_TERMINAL, master);
}
