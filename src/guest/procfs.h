/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/**
 * procfs_get() - vminitd's own procfs
 *
 * It is made when it is first needed, and mounted nowhere: what is mounted nowhere is in no
 * container's mount namespace.
 *
 * Return: a descriptor of its root, which is not the caller's, or negative errno.
 */
int procfs_get(void);

/**
 * procfs_has_executed() - has a process executed a program since it was forked?
 * @pid: a child of vminitd that was not reaped, though it may have ended
 *
 * Return: also true if that is not known.
 */
bool procfs_has_executed(pid_t pid);

/** procfs_user() - whose process it is. Return: 0 or negative errno. */
int procfs_user(pid_t pid, uid_t *ret);

/** procfs_close() - forget it; may be called again */
void procfs_close(void);
