/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/blockdev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/netlink.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/parse.h"

/* The kernel's own multicast group; the other one is udev's. */
#define KERNEL_EVENTS	 1

#define EVENTS_AT_A_TIME 64

/* Return: length without a final newline, or negative errno. What does not fit is -E2BIG. */
static ssize_t read_attribute(int dir, const char *device, const char *name, char *buf, size_t size)
{
	char path[NAME_MAX + 16];
	_cleanup_close_ int fd = -EBADF;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", device, name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, size);
	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		return -E2BIG;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

static int read_number(int dir, const char *device, dev_t *ret)
{
	char text[32], *colon;
	uint32_t numbers[2];
	ssize_t n = read_attribute(dir, device, "dev", text, sizeof(text));

	if (n < 0)
		return (int)n;
	colon = strchr(text, ':');
	if (!colon)
		return -EPROTO;
	*colon = '\0';
	if (parse_u32(text, 0, UINT32_MAX, &numbers[0]) < 0 ||
	    parse_u32(colon + 1, 0, UINT32_MAX, &numbers[1]) < 0)
		return -EPROTO;
	*ret = makedev(numbers[0], numbers[1]);
	return 0;
}

static bool has_serial(int dir, const char *device, const char *serial)
{
	char text[BLOCKDEV_SERIAL_MAX + 4];

	return *device != '.' && read_attribute(dir, device, "serial", text, sizeof(text)) >= 0 &&
	       strcmp(text, serial) == 0;
}

int blockdev_find(int dir, const char *serial, dev_t *ret_device)
{
	_cleanup_dir_ DIR *devices = dir_open(dir, ".");
	int r = -ENOENT;
	const char *name;

	if (!devices)
		return -errno;
	while (r == -ENOENT && (name = dir_next(devices)))
		if (has_serial(dir, name, serial))
			r = read_number(dir, name, ret_device);
	return r;
}

void blockdev_serial(const char *list, const char *name, char ret[BLOCKDEV_SERIAL_MAX + 1])
{
	size_t len = strlen(name), n;

	(void)snprintf(ret, BLOCKDEV_SERIAL_MAX + 1, "%s", name);
	for (; list && *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if (n > len && n - len - 1 <= BLOCKDEV_SERIAL_MAX && list[len] == ':' &&
		    memcmp(list, name, len) == 0)
			(void)snprintf(ret, n - len, "%s", list + len + 1);
	}
}

static const char *own_serials;

void blockdev_know_serials(const char *list)
{
	own_serials = list;
}

void blockdev_own_serial(const char *name, char ret[BLOCKDEV_SERIAL_MAX + 1])
{
	blockdev_serial(own_serials, name, ret);
}

static void finish(struct blockdev *b, int error, dev_t device)
{
	blockdev_stop(b);
	b->done(b, error, device);
}

static void look(struct loop_defer *defer)
{
	struct blockdev *b = container_of(defer, struct blockdev, look);
	_cleanup_close_ int dir = openat(b->sysfs, "block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dev_t device = 0;
	int r = dir < 0 ? -errno : blockdev_find(dir, b->serial, &device);

	if (r != -ENOENT)
		finish(b, r, device);
}

/* What they say is not needed; only that something came, or that some of it was lost. */
static void event(struct loop_io *io, uint32_t revents _unused_)
{
	struct blockdev *b = container_of(io, struct blockdev, io);
	char message[4096];

	for (int i = 0; i < EVENTS_AT_A_TIME; i++)
		if (recv(io->fd, message, sizeof(message), MSG_DONTWAIT) < 0 && errno != ENOBUFS)
			break;
	loop_defer_start(b->loop, &b->look, look);
}

static void late(struct loop_timer *timer)
{
	finish(container_of(timer, struct blockdev, deadline), -ETIMEDOUT, 0);
}

static int open_events(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_EVENTS};
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(fd);
}

int blockdev_await_size(const char *node, uint64_t bytes)
{
	_cleanup_close_ int uevents = open_events(), disk = open(node, O_RDONLY | O_CLOEXEC);
	uint64_t size;
	char c;

	if (uevents < 0)
		return uevents;
	if (disk < 0)
		return -errno;
	while (ioctl(disk, BLKGETSIZE64, &size) == 0) {
		if (size == bytes)
			return 0;
		(void)recv(uevents, &c, 1, 0);
	}
	return -errno;
}

int blockdev_open_sysfs(void)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, "sysfs", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	return fd < 0 ? -errno : fd;
}

int blockdev_await(struct blockdev *b, struct loop *loop, const char *serial, uint64_t timeout,
		   void (*done)(struct blockdev *blockdev, int error, dev_t device))
{
	int sysfs = blockdev_open_sysfs();
	/* Before the first look, so that none is missed in between. */
	int uevents = sysfs < 0 ? sysfs : open_events();

	return blockdev_await_in(b, loop, sysfs, uevents, serial, timeout, done);
}

int blockdev_await_in(struct blockdev *b, struct loop *loop, int sysfs, int uevents,
		      const char *serial, uint64_t timeout,
		      void (*done)(struct blockdev *blockdev, int error, dev_t device))
{
	int r;

	b->loop = loop;
	blockdev_own_serial(serial, b->serial);
	b->done = done;
	loop_timer_init(&b->deadline);
	loop_defer_init(&b->look);
	b->sysfs = sysfs;
	b->uevents = uevents;
	r = uevents < 0 ? uevents : loop_io_start(loop, &b->io, uevents, EPOLLIN, event);
	if (r < 0) {
		blockdev_stop(b);
		return r;
	}
	loop_timer_start(loop, &b->deadline, loop_now(loop) + timeout, late);
	loop_defer_start(loop, &b->look, look);
	return 0;
}

void blockdev_stop(struct blockdev *b)
{
	if (!b->loop)
		return;
	loop_io_stop(&b->io);
	loop_timer_stop(&b->deadline);
	loop_defer_stop(&b->look);
	b->uevents = b->uevents < 0 ? -EBADF : fd_close(b->uevents);
	b->sysfs = b->sysfs < 0 ? -EBADF : fd_close(b->sysfs);
}
