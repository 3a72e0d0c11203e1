/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/**
 * struct xattr - an extended attribute
 * @name: with its namespace: "user.…"
 * @value: as setxattr(2) takes it, ACLs too
 */
struct xattr {
	const char *name;
	const void *value;
	size_t len;
};

/**
 * struct xattrs - all that something shall have
 * @own: memory that some of the values are in
 */
struct xattrs {
	struct xattr *v;
	size_t n, n_own;
	void *own[2];
};

#define XATTRS_NULL                           \
	{                                     \
		.v = NULL, .n = 0, .n_own = 0 \
	}

/**
 * xattrs_collect() - what an archive's entry says: attributes, and ACLs as such
 * @ret: XATTRS_NULL before; valid as long as @ae is; free it with xattrs_done(), on failure too
 *
 * Return: 0 or -ENOTSUP, with a message: as acl_build().
 */
int xattrs_collect(struct archive_entry *ae, struct xattrs *ret, struct err *err);

/** xattrs_done() - free; may be called again */
void xattrs_done(struct xattrs *x);
#define _cleanup_xattrs_ __attribute__((cleanup(xattrs_done)))

/** xattr_is_for_us() - is it one that an image may have, and that means something here? */
bool xattr_is_for_us(const char *name);
