/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * Within this layer: names of files that have several. Of a fixed size, in memory that is only touched
 * as far as it is needed.
 */

#define TAR_LINKS_SLOTS	    65536 /* a power of two; half of them are used at most */
#define TAR_LINKS_NAMES_MAX (4u << 20)

/* @name: where in @names; 0: the slot is free. */
struct tar_link {
	dev_t dev;
	ino_t ino;
	uint32_t name;
};

struct tar_links {
	size_t n, names_len;
	struct tar_link slots[TAR_LINKS_SLOTS];
	char names[TAR_LINKS_NAMES_MAX];
};

/**
 * tar_links_find() - has this file had a name before?
 *
 * Return: that name; or NULL, and @path will be the answer next time, if there is room for it.
 */
const char *tar_links_find(struct tar_links *links, const struct stat *st, const char *path);
