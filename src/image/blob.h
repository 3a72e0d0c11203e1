/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "image/digest.h"

/*
 * Where an image's documents and layers lie as named blobs: in a folder, or in a tar file that is
 * never unpacked as a whole.
 */

/* Image layout: image-spec 1.1, image-layout.md. */
#define BLOBS_PREFIX_OCI "blobs/sha256/"

struct image_get_options;

/** struct blob_entry - a name in a tar file */
struct blob_entry {
	char *name, *link; /* @link: the name that stands for this one; NULL: @offset holds */
	int64_t offset;	   /* of the entry's first header */
};

/**
 * struct blobs - a place that holds blobs
 * @fd: the folder, or the uncompressed tar file
 * @prefix: what stands before a digest's hex digits in a blob's name
 * @entries: what the tar file holds; NULL for a folder
 */
struct blobs {
	int fd;
	const char *prefix;
	struct blob_entry *entries;
	size_t n;
};

#define BLOBS_NULL                                                                \
	{                                                                         \
		.fd = -EBADF, .prefix = BLOBS_PREFIX_OCI, .entries = NULL, .n = 0 \
	}

/** blobs_open_dir() - a folder. Return: 0 or negative errno, with a message. */
int blobs_open_dir(struct blobs *b, const char *path, struct err *err);

/**
 * blobs_open_tar() - a tar file; one that is compressed is decompressed into a nameless file first
 * @fd: the file; not kept
 * @tmp_fd: folder for the nameless file
 * @max_bytes: no more than this is decompressed
 * @opts: cancel, and who is told of decompressing
 *
 * Return: 0 or negative errno, with a message; -EBADMSG: truncated, or no tar file.
 */
int blobs_open_tar(struct blobs *b, int fd, int tmp_fd, uint64_t max_bytes,
		   const struct image_get_options *opts, struct err *err);

/** blobs_name() - the name of the blob with that digest; free() it */
char *blobs_name(const struct blobs *b, const struct digest *digest);

/** blobs_done() - close and free; may be called again */
void blobs_done(struct blobs *b);

struct archive;

/**
 * struct blob - one blob being read
 * @size: in bytes, as far as the place knows it
 */
struct blob {
	int fd;
	uint64_t size;
	char *buf;
	struct archive *tar;
	struct tar_file *file;
	int64_t pos;
};

#define BLOB_NULL                                                    \
	{                                                            \
		.fd = -EBADF, .buf = NULL, .tar = NULL, .file = NULL \
	}

/**
 * blob_open() - begin to read a blob
 * @name: as in the document that names it; may not lead out of the place
 *
 * Return: 0 or negative errno, with a message; -ENOENT: no such blob.
 */
int blob_open(const struct blobs *b, const char *name, struct blob *ret, struct err *err);

/** blob_open_fd() - a file or pipe; @fd is not kept. Return: 0 or negative errno, with a message. */
int blob_open_fd(int fd, struct blob *ret, struct err *err);

/**
 * blob_next() - the next bytes
 * @ret: set to memory that is valid until the next call
 *
 * Return: how many; 0 at the end; negative errno, with a message.
 */
ssize_t blob_next(struct blob *b, const void **ret, struct err *err);

/**
 * blob_read() - the next bytes, to where the caller wants them
 *
 * Return: how many, 0 at the end; -ENOTSUP, without a message: they have a place already, ask
 * blob_next(); negative errno, with a message.
 */
ssize_t blob_read(struct blob *b, void *buf, size_t size, struct err *err);

/** blob_done() - stop reading; may be called again */
void blob_done(struct blob *b);
#define _cleanup_blob_ __attribute__((cleanup(blob_done)))

/**
 * blob_slurp() - the whole of a small blob, with a NUL after it
 * @max: more bytes than this are -EFBIG
 * @ret_data: set on success; free() it
 *
 * Return: 0 or negative errno, with a message.
 */
int blob_slurp(const struct blobs *b, const char *name, size_t max, char **ret_data,
	       size_t *ret_len, struct err *err);
