/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * Writes an archive that the kernel unpacks into its first root file system: "newc" cpio
 * (Documentation/driver-api/early-userspace/buffer-format.rst). All files are root's, all times
 * are 0, inode numbers count up from 1: the same input gives the same bytes.
 */

/**
 * struct cpio - an archive being written
 * @fd: borrowed
 * @error: the first one met; everything after it does nothing
 */
struct cpio {
	int fd;
	int error;
	uint32_t ino;
	uint64_t written;
};

/** Files larger than this are refused (the header has 32 bits). */
#define CPIO_FILE_MAX (UINT64_C(256) << 20)

/** cpio_init() - begin. @fd: stays the caller's */
void cpio_init(struct cpio *cpio, int fd);

/** cpio_dir() - @name is relative, without "/" in front; above it must be there already */
void cpio_dir(struct cpio *cpio, const char *name, mode_t mode);

/** cpio_char_device() - a character device node */
void cpio_char_device(struct cpio *cpio, const char *name, mode_t mode, uint32_t major,
		      uint32_t minor);

/** cpio_data() - a regular file */
void cpio_data(struct cpio *cpio, const char *name, mode_t mode, const void *data, size_t len);

/** cpio_file() - a regular file with the content of @fd, from its beginning to its end now */
void cpio_file(struct cpio *cpio, const char *name, mode_t mode, int fd);

/** cpio_end() - write the trailer. Return: 0, or the first error met. */
int cpio_end(struct cpio *cpio);
