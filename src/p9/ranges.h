/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The ranges of an open file that are locked, as the kernel keeps them for us: each takes memory of the host's, so they
 * are counted.
 */

/* Of all files of a client. */
#define P9_RANGES_MAX 8192u

/**
 * struct p9_range - bytes that are locked in one way
 * @first, @last: the first and the last one
 */
struct p9_range {
	uint64_t first, last;
	bool write;
};

/** struct p9_ranges - those of one file, in their order; none touches another of its kind */
struct p9_ranges {
	size_t n;
	struct p9_range v[];
};

/** p9_ranges_count() - how many there are; @ranges may be NULL */
static inline size_t p9_ranges_count(const struct p9_ranges *ranges)
{
	return ranges ? ranges->n : 0;
}

/**
 * p9_ranges_after() - what there is after one more lock, or unlock, of the same owner (fcntl(2), F_SETLK)
 * @before: may be NULL
 *
 * Return: a new one, for free(), or NULL: there is no memory.
 */
struct p9_ranges *p9_ranges_after(const struct p9_ranges *before, const struct flock *lock);
