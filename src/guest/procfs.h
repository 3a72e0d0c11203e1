/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/**
 * procfs_get() - vminitd's own procfs
 *
 * It is made when it is first needed, and mounted nowhere: what is mounted nowhere is in no
 * container's mount namespace.
 *
 * Return: a descriptor of its root, which is not the caller's, or negative errno.
 */
int procfs_get(void);

/** procfs_close() - forget it; may be called again */
void procfs_close(void);
