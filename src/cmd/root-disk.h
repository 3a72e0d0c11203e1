/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>

#include "sandbox/record.h"

/**
 * root_disk_make() - the disk of a container's own, in its record: for what it writes, or a copy
 *
 * Where the image is a folder, that of the image is made there, too.
 *
 * @changed: the folder with what an overlay on the host has changed, which the disk begins with; or NULL
 * @spec: its rootfs_size counts; if that is 0, 10 GiB are free
 * @limit: bytes that no disk may have more of; 0: any
 * @cancel: when set by a signal, a copy ends with -EINTR
 *
 * Return: 0 or negative errno, with a message.
 */
int root_disk_make(const struct record *record, const struct sandbox_spec *spec,
		   const char *changed, uint64_t limit, const volatile sig_atomic_t *cancel,
		   struct err *err);
