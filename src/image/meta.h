/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "image/entry.h"

/*
 * Owner, mode, extended attributes, ACLs and times of what a layer puts down. The order matters:
 * a change of owner takes setuid bits and capabilities away, and so does writing.
 */

/**
 * meta_apply_fd() - give a file or folder all but its times
 * @fd: open for reading or writing
 * @inherited: the parent has a default ACL, so the object may have got ACLs that are not its own
 *
 * Return: 0 or negative errno, with a message.
 */
int meta_apply_fd(int fd, const struct entry *e, bool inherited, struct err *err);

/**
 * meta_apply_at() - give a symbolic link or node everything, times included
 * @name: just made in @dirfd by the caller; nobody else may change it meanwhile
 * @inherited: as for meta_apply_fd()
 *
 * Return: as meta_apply_fd().
 */
int meta_apply_at(int dirfd, const char *name, const struct entry *e, bool inherited,
		  struct err *err);

/**
 * meta_clear_xattrs() - remove all extended attributes and ACLs of an open file or folder
 *
 * Return: 0 or negative errno.
 */
int meta_clear_xattrs(int fd);
