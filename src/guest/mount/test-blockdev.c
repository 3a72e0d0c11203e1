/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/blockdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"

/* A folder like /sys/block. */

static char dir[] = "/tmp/caisson-test.XXXXXX";
static int block;

static void attribute(const char *device, const char *name, const char *value)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, device);
	test_int(path_mkdirs(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/%s/%s", dir, device, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	test_int(fd_write_full(fd, value, strlen(value)), 0);
	fd_close(fd);
}

static dev_t find(const char *serial)
{
	dev_t device;

	test_int(blockdev_find(block, serial, &device), 0);
	return device;
}

static void by_serial(void)
{
	attribute("loop0", "dev", "7:0\n");
	attribute("vda", "dev", "254:0\n");
	attribute("vda", "serial", "caisson-extra");
	attribute("vdb", "dev", "254:16\n");
	attribute("vdb", "serial", "caisson-extras");
	attribute("vdc", "dev", "254:32\n");
	attribute("vdc", "serial", "12345678901234567890");
	test_int(find("caisson-extras"), makedev(254, 16));
	test_int(find("caisson-extra"), makedev(254, 0));
	test_int(find("12345678901234567890"), makedev(254, 32));
	/* Other kinds of disks end it with a newline. */
	attribute("sda", "serial", "with-newline\n");
	attribute("sda", "dev", "8:0\n");
	test_int(find("with-newline"), makedev(8, 0));
}

static void not_there(void)
{
	dev_t device;

	test_int(blockdev_find(block, "caisson", &device), -ENOENT);
	test_int(blockdev_find(block, "", &device), -ENOENT);
	test_int(blockdev_find(-EBADF, "x", &device), -EBADF);
}

static void nonsense(void)
{
	static const char *const numbers[] = {"",    ":",     "1",    "1:",	      ":1",
					      "a:b", "1:2:3", "-1:0", "99999999999:1"};
	dev_t device;

	attribute("vdz", "serial", "odd");
	test_true(blockdev_find(block, "odd", &device) < 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		attribute("vdz", "dev", numbers[i]);
		test_int(blockdev_find(block, "odd", &device), -EPROTO);
	}
	attribute("vdy", "serial", "more than any disk of virtio can have");
	test_true(blockdev_find(block, "more than any disk of virtio can have", &device) < 0);
}

static struct loop loop;
static struct blockdev awaited = BLOCKDEV_NULL;

static void given_up(struct blockdev *b, int error, dev_t device)
{
	test_true(b == &awaited);
	test_int(error, -ETIMEDOUT);
	test_int(device, 0);
	loop_quit(&loop, 0);
}

static void deadline(void)
{
	int r;

	test_int(loop_init(&loop), 0);
	r = blockdev_await(&awaited, &loop, "no disk has this", 0, given_up);
	/* Not everybody may mount a sysfs. */
	if (r == 0)
		test_int(loop_run(&loop), 0);
	else
		test_true(r == -EPERM || r == -ENOSYS);
	blockdev_stop(&awaited);
	blockdev_stop(&awaited);
	test_int(awaited.sysfs, -EBADF);
	test_int(awaited.uevents, -EBADF);
	loop_deinit(&loop);
}

int main(void)
{
	test_true(mkdtemp(dir) != NULL);
	block = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_run(by_serial);
	test_run(not_there);
	test_run(nonsense);
	test_run(deadline);
	fd_close(block);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
