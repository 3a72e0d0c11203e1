/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/disk.h"
#include "sandbox/record.h"

/**
 * disk_open() - open what a container's disk is on, and make its file system where there is none
 * @at: folder that @path is in and cannot lead out of, as if it were "/"; -EBADF: the host's own
 * @path: empty: @at is the file itself
 * @disk: its @source is for messages; a missing file is made if its @size says how large; one that is larger than what is there grows
 * @ret_device: it is a block device
 *
 * Nobody else uses it as a disk as long as the descriptor is open anywhere, but for reading, if @disk is
 * read-only.
 *
 * Return: a descriptor, for reading only if @disk is read-only; or negative errno with a message.
 */
int disk_open(int at, const char *path, const struct disk *disk, bool *ret_device, struct err *err);

/** disk_open_raw() - the same of a block device of the host's or a file, whatever is on it, which stays as it is */
int disk_open_raw(const struct disk *disk, bool *ret_device, struct err *err);
