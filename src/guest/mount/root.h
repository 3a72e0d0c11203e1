/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#define ROOT_CGROUP "/sys/fs/cgroup"

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
