/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sandbox/spec.h"

/*
 * Disks that a container has besides its root: a file, or a block device of the host's, becomes a disk of
 * its VM, with an ext4 file system that is mounted in the container. The file system is made where there is
 * nothing at all yet. What has anything on it, even if nobody knows what, is never made one.
 */

/* How many a container may have. */
#define DISKS_MAX 8

/* The form of a disk, for messages. */
#define DISK_FORM "SOURCE,TARGET[,ext4][,SIZE][,ro]"

/**
 * struct disk - one of them
 * @source: path of the file or device
 * @target: where the container has it, clean (volume_target())
 * @size: bytes; 0: as large as it is
 */
struct disk {
	char *source, *target;
	uint64_t size;
	bool readonly;
};

#define DISK_NULL                              \
	{                                      \
		.source = NULL, .target = NULL \
	}

/**
 * disk_parse() - out of DISK_FORM
 * @option: where it was said, for messages
 * @ret: end with disk_done() in any case
 *
 * Return: 0 or -EINVAL or -ENOTSUP with a message.
 */
int disk_parse(const char *option, const char *text, struct disk *ret, struct err *err);

/** disk_volume() - as a volume's source (volume.h), a new string */
char *disk_volume(const struct disk *disk);

/** disk_of_volume() - the reverse: its path, which is part of @source, and @ret_size */
const char *disk_of_volume(const char *source, uint64_t *ret_size);

/**
 * disks_set() - all of RUNCVM_DISKS, with ";" between them
 * @option: how it is called here
 * @spec: gets them. Those of its block_devices that are named are taken out there; all else are files of the
 *	container's own
 *
 * Return: 0 or negative errno with a message.
 */
int disks_set(const char *option, const char *text, struct sandbox_spec *spec, struct err *err);

/** disk_find_device() - where a block device of the host's is, by "MAJOR:MINOR". Return: a new string; NULL: nowhere in /dev */
char *disk_find_device(const char *number);

/** disks_check() - are they no more than there can be? Return: 0 or -EINVAL with a message. */
int disks_check(const struct sandbox_spec *spec, struct err *err);

/** disk_done() - may be called again */
void disk_done(struct disk *disk);
