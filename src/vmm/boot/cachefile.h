/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/fd.h"

/* Names in a cache folder that begin with this are not whole yet. */
#define CACHE_FILE_TMP ".tmp-"

/**
 * struct cache_file - a large file on its way into a cache folder, seen by others when it is whole
 * @fd: write to this
 *
 * Where the file system can (O_TMPFILE) nothing is left behind by a writer that is killed.
 */
struct cache_file {
	int dirfd;
	int fd;
	char tmp[64]; /* empty: it has no name yet */
};

#define CACHE_FILE_NULL                                  \
	{                                                \
		.dirfd = -EBADF, .fd = -EBADF, .tmp = "" \
	}

/** cache_file_begin() - @dirfd is borrowed until the end. Return: 0 or negative errno. */
int cache_file_begin(struct cache_file *file, int dirfd);

/**
 * cache_file_commit() - give it its name; another file of that name is replaced
 *
 * It is on the disk first: a cache that a power cut left half-written would be believed.
 *
 * Return: 0 or negative errno.
 */
int cache_file_commit(struct cache_file *file, const char *name);

/** cache_file_done() - drop what was not committed; may be called again */
void cache_file_done(struct cache_file *file);
#define _cleanup_cache_file_ __attribute__((cleanup(cache_file_done)))

/**
 * cache_dir_open() - open "<cache_dir>/<name>", made if it is not there
 *
 * Return: descriptor or negative errno.
 */
int cache_dir_open(const char *cache_dir, const char *name);
