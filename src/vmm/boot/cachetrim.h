/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A folder of the cache that would grow for ever: files that were not used for longest go. A file is
 * in use as long as somebody, caisson or a VM that was given the descriptor, has what
 * cache_use() returned; when it was used last is its time of modification.
 */

/**
 * struct cache_limits - how much of the folder may be files that nobody uses
 * @files, @bytes: of all together, on the disk
 */
struct cache_limits {
	size_t files;
	uint64_t bytes;
};

/**
 * cache_use() - open a file, which stays as long as the descriptor, or a copy, is open
 *
 * Return: a descriptor, open for reading; -ENOENT: it is not there, or will not be:
 * then make it anew, under the same name; other negative errno.
 */
int cache_use(int folder, const char *name);

/**
 * cache_trim() - remove what is beyond @limits, and is not in use
 * @suffix: of the names of such files; what others have begun and left behind goes, too
 *
 * Whatever cannot be removed stays: it is no more than room that is lost. Somebody else who does the
 * same at the same time does it alone.
 */
void cache_trim(int folder, const char *suffix, const struct cache_limits *limits);
