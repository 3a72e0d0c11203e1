/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <stddef.h>

#include "base/err.h"

/**
 * acl_build() - an ACL as the kernel's extended attribute wants it (linux/posix_acl_xattr.h)
 * @type: ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT
 * @ret: set to NULL where there is none, or where it says no more than the mode; else free() it
 *
 * Return: 0; -ENOTSUP, with a message: for somebody who is named but not numbered.
 */
int acl_build(struct archive_entry *ae, int type, void **ret, size_t *ret_len, struct err *err);
