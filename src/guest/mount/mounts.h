/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * The file systems that every system has: proc, sys, dev, pts, shm, run, tmp, cgroup2; and the end
 * of all that are mounted. Nothing here is fatal: it is logged, and the next one is tried.
 */

/**
 * struct mount_point - one of them
 * @folder: made if it is not there
 * @options: of the file system; may be NULL
 * @flags: MS_*
 */
struct mount_point {
	const char *folder;
	const char *type;
	const char *options;
	unsigned long flags;
};

/** mounts_system - in the order to mount; ends with a row without a folder */
extern const struct mount_point mounts_system[];

/** mounts_make() - mount those where nothing is mounted yet; @points ends as mounts_system does */
void mounts_make(const struct mount_point *points);

/** mounts_make_root_writable() - as the kernel mounts it read-only unless "rw" is said */
void mounts_make_root_writable(void);

/** mounts_end() - unmount all, last first; the root becomes read-only, and so is clean on disk */
void mounts_end(void);
