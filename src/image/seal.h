/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "image/digest.h"
#include "image/image.h"
#include "image/inodes.h"
#include "image/sum.h"

/*
 * What an image was like when it was made, in a file beside it: "rootfs.sums" of the folder, and
 * "rootfs.ext4.sums" of the disk. What the image's configuration is, its ID says.
 *
 * Of a folder: for all that is in it the path, and all that stat(2) says but for its number and its
 * other times, with checksums of its content and its extended attributes; each with a NUL behind
 * it. Of a disk: its size, and a checksum of each SEAL_PIECE bytes; a line each. At the end of the
 * file stands a checksum of what is before it.
 */

/* Bytes of a disk that have a checksum of their own. */
#define SEAL_PIECE (64u << 10)

/** seal_name() - the name of the file */
const char *seal_name(enum image_form form);

/**
 * seal_write() - describe what has just been made
 * @dirfd: folder that it is in
 * @known: checksums of contents, by file; what is not among them is read. NULL: none is known
 *
 * Return: 0 or negative errno, with a message.
 */
int seal_write(int dirfd, enum image_form form, const struct inodes *known, struct err *err);

/**
 * struct seal_reader - who is told what is not as it was
 * @differs: @path: of the folder's; "": the disk or folder itself. @how: "differs: size, content" and so on
 */
struct seal_reader {
	void (*differs)(const char *path, const char *how, void *userdata);
	void *userdata;
};

/**
 * seal_check() - compare with the description
 * @dirfd: as for seal_write()
 *
 * It is read from the disk, but for what somebody has mapped.
 *
 * Return: 0, also if there are differences; -ENODATA: there is no description; -EBADMSG: that is
 * damaged; others. With a message.
 */
int seal_check(int dirfd, enum image_form form, const struct seal_reader *reader, struct err *err);

/* Between seal.c, seal-folder.c and seal-disk.c. */

/** struct seal_out - the description being written; @sum, @at: of all so far */
struct seal_out {
	FILE *file;
	struct sum sum;
	uint64_t at;
};

/** seal_put() - write some. Return: 0 or negative errno. */
int seal_put(struct seal_out *out, const void *data, size_t len);

/** seal_folder_write(), seal_disk_write() - all but the checksum at the end. Return: 0 or errno. */
int seal_folder_write(int dirfd, const struct inodes *known, struct seal_out *out);
int seal_disk_write(int dirfd, const struct inodes *known, struct seal_out *out);

/**
 * seal_folder_check(), seal_disk_check() - compare
 * @text, @len: without the checksum at the end; a NUL follows
 *
 * Return: 0 or negative errno.
 */
int seal_folder_check(int dirfd, const char *text, size_t len, const struct seal_reader *reader);
int seal_disk_check(int dirfd, const char *text, size_t len, const struct seal_reader *reader);
