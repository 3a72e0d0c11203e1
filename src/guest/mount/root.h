/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#define ROOT_CGROUP "/sys/fs/cgroup"

/**
 * root_leave_initramfs() - make a tmpfs our root, with the files of the initramfs, and empty that
 *
 * The root that came with the initramfs is at the bottom of every mount namespace: a container that
 * may unmount gets there (docs/security.md), and finds an empty folder. pivot_root(2), which crun
 * uses, does not work from there either, as that mount has no parent.
 *
 * To be called before anything is mounted. Return: 0 or negative errno; then "/" may be in pieces.
 */
int root_leave_initramfs(void);

/**
 * root_prepare() - make vminitd's root a place that programs like crun can work in
 *
 * Mounts what they need. Done once, when it is first needed, so that a VM whose container runs
 * directly does without.
 *
 * Return: 0 or negative errno.
 */
int root_prepare(void);

/** root_prepared() - was root_prepare() called, and did it succeed? */
bool root_prepared(void);
