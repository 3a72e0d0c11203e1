/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/stat.h>

#include "base/strv.h"

/**
 * struct walk_entry - something in a folder that is walked
 * @dirfd, @name: where it is; "." for the folder itself
 * @path: from the folder on; "" for the folder itself. Any number of bytes
 */
struct walk_entry {
	int dirfd;
	const char *name, *path;
	struct stat st;
};

/**
 * walk_folder() - look at a folder and all in it, in an order that depends on the names only
 * @fd: the folder
 * @visit: called for each; the walk ends when it returns a negative errno
 *
 * Takes one descriptor, and goes as deep as there are folders. Nobody may move them meanwhile.
 *
 * Return: 0; what @visit returned; or, having done what could be done, why something could not be
 * looked at.
 */
int walk_folder(int fd, int (*visit)(const struct walk_entry *e, void *userdata), void *userdata);

/**
 * walk_names() - the names in a folder, sorted, since their order on the disk is by chance
 * @ret: STRV_NULL before; what could be read is there even after an error
 *
 * Return: 0 or negative errno.
 */
int walk_names(int fd, struct strv *ret);
