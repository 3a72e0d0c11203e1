/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* What this program may still see and do. Theory of operation: isolate.c. */

/**
 * p9_isolate() - make a folder all that there is, and give up most privileges; for the parent of all that serve
 * @path: the folder; mounts below it stay
 * @ret_root, @ret_proc: O_PATH descriptors of it and of /proc
 * @ret_what: set to what failed
 *
 * Return: 0, or negative errno; the process is then in between and should end.
 */
int p9_isolate(const char *path, int *ret_root, int *ret_proc, const char **ret_what);

/**
 * p9_limit_files() - as many descriptors as P9_FIDS_MAX files take, or as the system allows
 *
 * Return: how many files that is for.
 */
uint32_t p9_limit_files(void);

/**
 * p9_drop_privileges() - keep what it takes to make files of others, and to read and write them; for ever
 *
 * Return: 0 or negative errno.
 */
int p9_drop_privileges(void);
