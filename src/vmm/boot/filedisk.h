/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * A read-only disk with a few files of the host. It is an ext4 file system without a journal, since
 * that is the one for disks that every guest's kernel is required to have (kernel/required.list).
 * All belong to root, all times are the same: the same input gives the same bytes.
 *
 * <cache_dir>/extras/<digest>.img is keyed by the SHA-256 of all that is in it. It is checked again
 * while the files are written, so that one which changes meanwhile cannot get another's name.
 */

/* Of disks that no VM has, the ones used last are kept. */
#define FILEDISK_CACHE_FILES 32
#define FILEDISK_CACHE_BYTES (UINT64_C(1) << 30)

/**
 * struct filedisk_file - a file to put on it
 * @path: absolute, clean; no file is a folder of another
 * @fd: read from its beginning
 * @size: bytes that it must have
 */
struct filedisk_file {
	const char *path;
	int fd;
	mode_t mode;
	uint64_t size;
};

/**
 * filedisk_get() - the disk with these files; made if it is not there
 * @files: the order counts
 *
 * The image stays in the cache as long as the descriptor, or a copy, is open. Once another is made,
 * what is beyond FILEDISK_CACHE_FILES and FILEDISK_CACHE_BYTES goes, the one used least lately first.
 *
 * Return: a descriptor of the image, open for reading, or negative errno with a message.
 */
int filedisk_get(const char *cache_dir, const struct filedisk_file *files, size_t n,
		 struct err *err);
