/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* What this program may still see and do. Theory of operation: isolate.c. */

/**
 * struct p9_cell - where those that serve are
 * @root: O_PATH descriptor of the folder that is all that there is
 * @outside, @inside: mount namespaces: the one before, where /proc is, and the one with that folder alone
 */
struct p9_cell {
	int root, outside, inside;
};

/**
 * p9_isolate() - make a folder all that there is, and give up most privileges; for the parent of all that serve
 * @path: the folder; mounts below it stay
 * @ret_what: set to what failed
 *
 * Return: 0, or negative errno; the process is then in between and should end.
 */
int p9_isolate(const char *path, struct p9_cell *ret, const char **ret_what);

/**
 * p9_enter() - for a process that is going to serve: give up all but that, for ever, and close what of @cell leads
 * outside
 *
 * Its working folder is its own /proc/self/fd then, and nothing else of /proc. Return: 0 or negative errno.
 */
int p9_enter(struct p9_cell *cell);

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
