/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <dirent.h>

#include "base/macro.h"

/* What is in a folder. */

/**
 * dir_open() - read a folder from its beginning
 * @name: in @dirfd, and no symbolic link; "." for @dirfd itself, whose own place in it is left alone
 *
 * Return: to be closed by _cleanup_dir_; NULL with errno.
 */
DIR *dir_open(int dirfd, const char *name);

/**
 * dir_next() - the next name in it, "." and ".." left out
 * @dir: the name is good until the next call
 *
 * Return: NULL at the end, with errno 0, or that of an error.
 */
const char *dir_next(DIR *dir);

/** dir_close_p() - close it, if there is one; errno is kept */
void dir_close_p(DIR **dir);
#define _cleanup_dir_ __attribute__((cleanup(dir_close_p)))
