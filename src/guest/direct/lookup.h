/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* What Docker gives a container whose image does not set it. */
#define LOOKUP_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/**
 * lookup_command() - find the file that a command's first word names
 * @name: with a "/" in it: a path; else looked for in @path
 * @path: as $PATH; an empty entry is the working directory
 * @ret: the path to execute; set on success
 *
 * Return: 0; -ENOENT: no such file, or no executable one in @path; with a "/" in @name also -EACCES
 * (not executable, or a folder), -ENOTDIR, -ENAMETOOLONG, -ELOOP.
 */
int lookup_command(const char *name, const char *path, char *ret, size_t size);
