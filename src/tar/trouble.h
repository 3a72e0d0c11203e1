/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stddef.h>

#include "base/err.h"

/**
 * struct tar_trouble - what could not be done, beside the error that was returned
 * @what: to be put after "cannot" and before the path: "read", "make the folder"; NULL: nothing to say
 * @path: as in the archive, any bytes; may be empty
 */
struct tar_trouble {
	const char *what;
	char path[PATH_MAX];
};

/** tar_trouble_clear() - nothing to say */
void tar_trouble_clear(struct tar_trouble *trouble);

/** tar_trouble_set() - Return: @error, to be returned */
int tar_trouble_set(struct tar_trouble *trouble, int error, const char *what, const char *path);

/**
 * tar_trouble_text() - a sentence without control characters
 * @error: what was returned: of these functions some have a meaning of their own
 */
void tar_trouble_text(const struct tar_trouble *trouble, int error, char *buf, size_t size);

/** tar_trouble_err() - the same as a message. Return: @error */
int tar_trouble_err(const struct tar_trouble *trouble, int error, struct err *err);
