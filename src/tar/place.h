/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stdbool.h>

/*
 * What a path that somebody has given stands for, before it is packed or unpacked to.
 */

/** tar_place_is_content() - does it end in "/", "." or "..": a folder itself, whatever leads there? */
bool tar_place_is_content(const char *path);

/**
 * tar_place_open() - the folder that it is in
 * @ret_name: its name there, within @path, or "."
 *
 * Return: a descriptor (O_PATH) or negative errno.
 */
int tar_place_open(char *path, const char **ret_name);

/**
 * tar_place_follow() - to where a symbolic link leads at last, if it is one; that need not be there
 *
 * Return: 0, -ELOOP, -ENAMETOOLONG, or why a link on the way cannot be read.
 */
int tar_place_follow(char path[PATH_MAX]);
