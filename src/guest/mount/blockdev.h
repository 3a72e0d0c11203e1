/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "loop/loop.h"

/*
 * Disks, by the serial that the host gave them: letters depend on who came first, and a disk may
 * come after the boot.
 */

#define BLOCKDEV_SERIAL_MAX 20

/**
 * struct blockdev - a disk that is looked for
 * @sysfs: its file system, mounted nowhere
 * @uevents: the kernel's messages on devices that come and go
 * @serial: as the disk has it
 * @done: called once: 0 with the device's number, or negative errno (-ETIMEDOUT)
 */
struct blockdev {
	struct loop *loop;
	int sysfs, uevents;
	struct loop_io io;
	struct loop_timer deadline;
	struct loop_defer look;
	char serial[BLOCKDEV_SERIAL_MAX + 1];
	void (*done)(struct blockdev *blockdev, int error, dev_t device);
};

#define BLOCKDEV_NULL                                                  \
	{                                                              \
		.sysfs = -EBADF, .uevents = -EBADF, .io = LOOP_IO_NULL \
	}

/**
 * blockdev_await() - find a disk, now or when it comes
 * @timeout: nanoseconds
 *
 * Return: 0: @done will be called, not from here; negative errno: it will not.
 */
int blockdev_await(struct blockdev *blockdev, struct loop *loop, const char *serial,
		   uint64_t timeout,
		   void (*done)(struct blockdev *blockdev, int error, dev_t device));

/**
 * blockdev_await_in() - as blockdev_await(), of another machine than this
 * @sysfs: a folder with "block" in it, or negative errno; taken over
 * @uevents: a socket that can be read when something came, or negative errno; taken over
 */
int blockdev_await_in(struct blockdev *blockdev, struct loop *loop, int sysfs, int uevents,
		      const char *serial, uint64_t timeout,
		      void (*done)(struct blockdev *blockdev, int error, dev_t device));

/**
 * blockdev_serial() - what the disk that the host calls @name has for a serial
 * @list: "NAME:SERIAL,…", of the VMM's own serials; NULL: it has none
 * @ret: @name itself, if that is not in the list, or what stands there is too long for one
 */
void blockdev_serial(const char *list, const char *name, char ret[BLOCKDEV_SERIAL_MAX + 1]);

/** blockdev_know_serials() - say what blockdev_own_serial() is to go by. @list: kept */
void blockdev_know_serials(const char *list);

/** blockdev_own_serial() - blockdev_serial() of this machine's disks */
void blockdev_own_serial(const char *name, char ret[BLOCKDEV_SERIAL_MAX + 1]);

/** blockdev_stop() - without calling @done; may be called again */
void blockdev_stop(struct blockdev *blockdev);

/**
 * blockdev_await_size() - wait until the kernel has heard how large a disk is now; in a worker, whose deadline ends it
 * @node: of the disk
 *
 * Return: 0 or negative errno.
 */
int blockdev_await_size(const char *node, uint64_t bytes);

/** blockdev_open_sysfs() - a sysfs that is mounted nowhere. Return: its root, or negative errno. */
int blockdev_open_sysfs(void);

/**
 * blockdev_find() - look for a disk in a /sys/block
 * @dir: descriptor of that folder
 *
 * Return: 0, -ENOENT, or another negative errno.
 */
int blockdev_find(int dir, const char *serial, dev_t *ret_device);
