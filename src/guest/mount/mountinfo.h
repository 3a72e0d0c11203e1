/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What is mounted, as a mountinfo of /proc tells it (proc_pid_mountinfo(5)). */

/**
 * struct mountinfo - a walk over it
 * @text: malloc()ed
 * @at, @end: what is left to be looked at
 */
struct mountinfo {
	char *text, *at, *end;
};

/**
 * struct mountinfo_line - one mount
 * @path: where; it is as long there as the walk goes on
 * @on_device: of a block device
 * @writable: this mount is; its file system may not be
 */
struct mountinfo_line {
	char *path;
	bool on_device, writable;
};

/**
 * mountinfo_open() - begin a walk
 * @dir, @file: as for openat(2)
 *
 * There is no limit but memory's. Return: 0 or negative errno; then there is nothing to close.
 */
int mountinfo_open(struct mountinfo *info, int dir, const char *file);

/** mountinfo_next() - from the first to the last. Return: was there one more? */
bool mountinfo_next(struct mountinfo *info, struct mountinfo_line *ret);

/** mountinfo_previous() - from the last, which lies on top, to the first. Return: one more? */
bool mountinfo_previous(struct mountinfo *info, struct mountinfo_line *ret);

/** mountinfo_close() - end it; may be called again */
void mountinfo_close(struct mountinfo *info);
