/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/blockdev.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/loop.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"
#include "loop/test-clock.h"

/* A folder like /sys, with the disks below "block". */

#define TIMEOUT (20 * NSEC_PER_SEC)

static char dir[] = "/tmp/caisson-test.XXXXXX";
static int block;

static void attribute(const char *device, const char *name, const char *value)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/block/%s", dir, device);
	test_int(path_mkdirs(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/block/%s/%s", dir, device, name);
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
static int kernel, calls, outcome;
static dev_t found_device;

static void called(struct blockdev *b, int error, dev_t device)
{
	test_true(b == &awaited);
	calls++;
	outcome = error;
	found_device = device;
}

static void begin(const char *serial)
{
	int ends[2];

	calls = 0;
	test_int(loop_init(&loop), 0);
	loop.now = test_clock;
	test_int(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	kernel = ends[1];
	test_int(blockdev_await_in(&awaited, &loop, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				   ends[0], serial, TIMEOUT, called),
		 0);
	test_int(calls, 0);
	(void)test_turn(&loop);
}

static void end(void)
{
	blockdev_stop(&awaited);
	blockdev_stop(&awaited);
	test_int(awaited.sysfs, -EBADF);
	test_int(awaited.uevents, -EBADF);
	fd_close(kernel);
	loop_deinit(&loop);
}

/* The kernel says that something came or went. */
static void uevent(void)
{
	test_int(send(kernel, "add@/devices/x", 14, 0), 14);
	(void)test_turn(&loop);
}

/* It was found, and that is the end of it: nothing more is looked at or due. */
static void is_found(dev_t device)
{
	test_int(calls, 1);
	test_int(outcome, 0);
	test_int(found_device, device);
	test_true(!loop_io_active(&awaited.io));
	(void)test_pass(&loop, 2 * TIMEOUT);
	test_int(calls, 1);
}

static void is_there_already(void)
{
	attribute("vda", "serial", "early");
	attribute("vda", "dev", "254:0\n");
	begin("early");
	is_found(makedev(254, 0));
	end();
}

static void comes_late(void)
{
	begin("late");
	test_int(calls, 0);
	(void)test_pass(&loop, TIMEOUT - 1);
	test_int(calls, 0);
	attribute("vde", "serial", "late");
	attribute("vde", "dev", "254:64\n");
	/* Nobody polls: without a word from the kernel it is not seen. */
	(void)test_turn(&loop);
	test_int(calls, 0);
	uevent();
	is_found(makedev(254, 64));
	end();
}

static void another_one_comes(void)
{
	begin("wanted");
	attribute("vdf", "serial", "wanted2");
	attribute("vdf", "dev", "254:80\n");
	uevent();
	attribute("vdg", "serial", "wante");
	attribute("vdg", "dev", "254:96\n");
	uevent();
	/* A disk without a serial, and an event of no disk. */
	attribute("loop1", "dev", "7:1\n");
	for (int i = 0; i < 100; i++)
		uevent();
	test_int(calls, 0);
	attribute("vdh", "serial", "wanted");
	attribute("vdh", "dev", "254:112\n");
	uevent();
	is_found(makedev(254, 112));
	end();
}

/* Events move no deadline. */
static void comes_too_late(void)
{
	begin("never");
	(void)test_pass(&loop, TIMEOUT / 2);
	uevent();
	(void)test_pass(&loop, TIMEOUT - TIMEOUT / 2 - 1);
	test_int(calls, 0);
	(void)test_pass(&loop, 1);
	test_int(calls, 1);
	test_int(outcome, -ETIMEDOUT);
	test_int(found_device, 0);
	end();
}

static void nothing_to_look_at(void)
{
	test_int(loop_init(&loop), 0);
	test_int(blockdev_await_in(&awaited, &loop, -EPERM, -EPERM, "x", TIMEOUT, called), -EPERM);
	kernel = -EBADF;
	end();
}

static void heard(struct loop_io *io, uint32_t revents)
{
	test_true(io == &awaited.io && revents & EPOLLIN);
	loop_quit(&loop, 0);
}

/* The kernel of this machine says what it is asked to say, of /dev/null. */
static void the_kernel_is_heard(void)
{
	_cleanup_close_ int null = open("/sys/class/mem/null/uevent", O_WRONLY | O_CLOEXEC);
	int r;

	calls = 0;
	kernel = -EBADF;
	test_int(loop_init(&loop), 0);
	loop.now = test_clock;
	r = blockdev_await(&awaited, &loop, "no disk has this", TIMEOUT, called);
	if (r == 0) {
		(void)test_turn(&loop);
		test_int(calls, 0);
		awaited.io.callback = heard;
		if (null >= 0 && write(null, "change", 6) == 6)
			test_int(loop_run(&loop), 0);
	} else {
		/* Not everybody may mount a sysfs. */
		test_true(r == -EPERM || r == -ENOSYS);
	}
	end();
}

/* What the VMM calls them. */
static void serials_are_translated(void)
{
	static const char list[] =
		"image:650240123,upper:65024045,upper2:7,long:123456789012345678901,:5,x:";
	static const struct {
		const char *list, *name, *serial;
	} cases[] = {
		{NULL, "image", "image"},     {"", "image", "image"},
		{list, "image", "650240123"}, {list, "upper", "65024045"},
		{list, "upper2", "7"},	      {list, "upp", "upp"},
		{list, "long", "long"},	      {list, "x", ""},
		{list, "image:6", "image:6"}, {list, "other", "other"},
		{"image", "image", "image"},  {",,image:3", "image", "3"},
	};
	char serial[BLOCKDEV_SERIAL_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		blockdev_serial(cases[i].list, cases[i].name, serial);
		test_str(serial, cases[i].serial);
	}
}

/* Return: a descriptor of a loop device with that file, and its path; -1: there are none here. */
static int make_loop(int file, char path[32])
{
	struct loop_config config = {.fd = (uint32_t)file, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE), fd = -1;

	if (n >= 0) {
		(void)snprintf(path, 32, "/dev/loop%d", n);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) < 0)
		fd = fd_close(fd);
	return fd;
}

static int loop_disk, loop_file;

/* While it is being waited for: should that not be so, the size is still the old one. */
static void resize(int signo _unused_)
{
	(void)!ftruncate(loop_file, 2 << 20);
	(void)ioctl(loop_disk, LOOP_SET_CAPACITY);
}

/* Until the kernel has heard of it; and not a moment, where it has already. */
static void waits_for_a_size(void)
{
	const struct itimerval soon = {.it_value.tv_usec = 20000};
	struct sigaction action = {.sa_handler = resize, .sa_flags = SA_RESTART};
	uint64_t size = 0;
	char path[32];

	loop_file = memfd_create("disk", MFD_CLOEXEC);
	test_int(ftruncate(loop_file, 1 << 20), 0);
	loop_disk = geteuid() == 0 ? make_loop(loop_file, path) : -1;
	if (loop_disk >= 0) {
		test_int(blockdev_await_size(path, 1 << 20), 0);
		test_int(sigaction(SIGALRM, &action, NULL), 0);
		test_int(setitimer(ITIMER_REAL, &soon, NULL), 0);
		test_int(blockdev_await_size(path, 2 << 20), 0);
		test_int(ioctl(loop_disk, BLKGETSIZE64, &size), 0);
		test_int(size, 2 << 20);
		(void)signal(SIGALRM, SIG_IGN);
		fd_close(loop_disk);
	}
	fd_close(loop_file);
	test_int(blockdev_await_size("/nowhere", 1), -ENOENT);
	test_int(blockdev_await_size("/dev/null", 1), -ENOTTY);
}

int main(void)
{
	char path[64];

	test_true(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/block", dir);
	test_int(mkdir(path, 0755), 0);
	block = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_run(by_serial);
	test_run(not_there);
	test_run(nonsense);
	test_run(is_there_already);
	test_run(comes_late);
	test_run(another_one_comes);
	test_run(comes_too_late);
	test_run(nothing_to_look_at);
	test_run(the_kernel_is_heard);
	test_run(serials_are_translated);
	test_run(waits_for_a_size);
	fd_close(block);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
