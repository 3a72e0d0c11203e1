/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "mount.pb-c.h"

/*
 * What containerd's snapshotters say a root file system is made of, in words of mount(8): mounted in our own mount
 * namespace, with which it goes.
 */

/** mounts_check() - Return: 0; -ENOTSUP or -EINVAL with a message that names what cannot be mounted here */
int mounts_check(Containerd__Types__Mount *const *mounts, size_t n, struct err *err);

/**
 * mounts_make() - mount one after the other on @target, a folder; nothing of it is a program or a device there
 *
 * Return: 0 or negative errno with a message; what was mounted by then stays.
 */
int mounts_make(Containerd__Types__Mount *const *mounts, size_t n, const char *target,
		struct err *err);
