/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "mount.pb-c.h"
#include "ttrpc/status.h"

/*
 * Mounts as the host describes them, for root file systems and for the Mount service. Types and
 * options are those of the tables in mount.c; anything else is refused by its name.
 */

/* What the host may name by path: what it mounted here before, and bundles. */
#define MOUNT_DIR "/run/mounts"

/* What a disk's serial has before it, where something is to be mounted or not. */
#define MOUNT_SERIAL "serial:"

/**
 * struct mount_error - why it was not mounted
 */
struct mount_error {
	enum ttrpc_code code;
	char text[400];
};

/**
 * mount_request() - mount something on a folder
 * @what: its target is not looked at
 * @target: descriptor of the folder
 * @confined: all that @what names by path must be where mount_open() finds it
 * @ret_error: set on failure
 *
 * Blocks for as long as the file system takes. Return: 0 or negative errno.
 */
int mount_request(const Containerd__Types__Mount *what, int target, bool confined,
		  struct mount_error *ret_error);

/**
 * mount_make() - the first half of mount_request(): nobody sees it yet
 * @what, @confined, @ret_error: as there
 *
 * Return: a descriptor of it, for mount_attach(); or negative errno.
 */
int mount_make(const Containerd__Types__Mount *what, bool confined, struct mount_error *ret_error);

/** mount_attach() - the second half. Return: 0 or negative errno. */
int mount_attach(int mount, int target);

/**
 * mount_find_disk() - find a disk, which is known from then on, and see that nobody has mounted it
 * @size: bytes that it has, or will have soon; 0: any
 * @ret_error: set on failure
 *
 * Return: 0 or negative errno.
 */
int mount_find_disk(const char *serial, uint64_t size, dev_t *ret_device,
		    struct mount_error *ret_error);

/**
 * mount_open() - open what is below MOUNT_DIR or a bundle's root file system
 * @path: absolute; symbolic links and ".." are refused
 *
 * Return: an O_PATH descriptor; -EXDEV: it is elsewhere; or negative errno.
 */
int mount_open(const char *path);

/** mount_path_valid() - is @path, made of plain names, at a place that mount_open() looks at? */
bool mount_path_valid(const char *path);
