/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

/*
 * Docker's rules of what `cp` makes of its two paths; the same whichever of them is in a container.
 */

/** enum copy_kind - what is at a path already */
enum copy_kind {
	COPY_MISSING,
	COPY_FOLDER,
	COPY_OTHER,
};

/**
 * struct copy_target - what becomes of the source
 * @folder: that it goes to, which must be there
 * @name: its name in it; ".": not the source itself, but what is in it
 */
struct copy_target {
	char folder[PATH_MAX], name[NAME_MAX + 1];
};

/**
 * copy_name() - what the source is called, at its own place
 * @ret: set on success; "." as above
 *
 * Return: 0 or -ENAMETOOLONG.
 */
int copy_name(const char *from, char ret[NAME_MAX + 1]);

/**
 * copy_target_choose() - where it goes
 * @to: as it was given; a symbolic link has been followed
 * @kind: what is there
 * @from: as it was given
 * @folder: is it a folder?
 *
 * Return: 0 or -ENOTDIR, -ENOENT, -ENAMETOOLONG, with a message.
 */
int copy_target_choose(const char *to, enum copy_kind kind, const char *from, bool folder,
		       struct copy_target *ret, struct err *err);
