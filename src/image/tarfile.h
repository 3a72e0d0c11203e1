/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <archive.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * libarchive, restricted to what images are made of: tar of all kinds, and the filters gzip and
 * zstd. Everything else that the library could recognise stays off, since its parsers would be fed
 * by whoever made the image. A new filter is a row in tarfile.c, and its media types in manifest.c.
 */

/** tarfile_new() - a reader of tar without any filter; aborts without memory */
struct archive *tarfile_new(void);

/** tarfile_new_filter() - a reader that only decompresses, or hands through what is plain */
struct archive *tarfile_new_filter(void);

/** tarfile_begins_compressed() - are these the first bytes of what tarfile_new_filter() decompresses? */
bool tarfile_begins_compressed(const void *data, size_t len);

/** tarfile_is_compressed() - does the file begin as what tarfile_new_filter() decompresses? */
bool tarfile_is_compressed(int fd);

/** tarfile_free() - accepts NULL */
void tarfile_free(struct archive *a);

/*
 * Most bytes that an entry may have before its content: names, attributes, and maps of sparse
 * files, which libarchive keeps in several times the memory.
 */
#define TAR_HEADER_MAX (8u << 20)

/**
 * struct tar_header - counts what is read for an entry's header
 * @left: bytes
 * @counts: false: content is being read, whose size does not matter
 * @begun: there was an entry
 */
struct tar_header {
	int64_t left;
	bool counts, begun;
};

/** tarfile_count() - @n bytes were handed to libarchive. Return: false if that is too much. */
bool tarfile_count(struct tar_header *h, size_t n);

/**
 * tarfile_next() - archive_read_next_header(), past what is left of the entry before
 * @h: all zero at the beginning; the reader's callback calls tarfile_count() with it
 */
int tarfile_next(struct archive *a, struct tar_header *h, struct archive_entry **ret);

/**
 * struct tar_file - a regular file as libarchive's input, from an offset on
 * @fd: not owned
 * @header: for tarfile_next()
 */
struct tar_file {
	int fd;
	int64_t pos, size;
	char *buf;
	struct tar_header header;
};

/**
 * tarfile_open_fd() - begin to read an archive in a file
 * @ret: keeps the reader's state: free it with tarfile_close_fd() after tarfile_free()
 *
 * Skipping never goes beyond the end, so that a file cut short is noticed.
 *
 * Return: 0 or negative errno, with a message.
 */
int tarfile_open_fd(struct archive *a, int fd, int64_t offset, struct tar_file **ret,
		    struct err *err);

/** tarfile_close_fd() - accepts NULL */
void tarfile_close_fd(struct tar_file *f);

/**
 * tarfile_error() - turn libarchive's error into ours
 * @what: what was being read
 *
 * Return: a negative errno: -EBADMSG for malformed input, else what the system said.
 */
int tarfile_error(struct archive *a, const char *what, struct err *err);
