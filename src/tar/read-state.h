/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tar/read.h"

/* Within this layer: what the parts of reading have in common. */

/**
 * tar_read_pax() - the records in @r->pax, for the member that follows
 *
 * Return: 0 or negative errno.
 */
int tar_read_pax(struct tar_reader *r);

/**
 * tar_read_global() - records for all that follow
 *
 * Return: 0 or negative errno; -EOPNOTSUPP: they say something.
 */
int tar_read_global(struct tar_reader *r);

/** tar_read_map() - where the content of a sparse file is; at its beginning. Return: as above. */
int tar_read_map(struct tar_reader *r);

/** tar_read_some() - up to @max bytes of what is left of a member. Return: as tar_read_data(). */
ssize_t tar_read_some(struct tar_reader *r, uint64_t max, const char **ret);
