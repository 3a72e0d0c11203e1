/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct sum - a checksum of a file's content, made piece by piece; all zero to begin with
 *
 * It finds what a disk or memory does to bytes, not what somebody does who wants it not to be found.
 * Holes take no time, and are the same as zeros.
 */
struct sum {
	uint64_t at;
	uint32_t block, total;
	bool unknown;
};

/** sum_add() - the bytes at @offset */
void sum_add(struct sum *s, const void *data, size_t len, uint64_t offset);

/** sum_end() - the checksum; 0: it is not known, since a piece began before the end of the last one */
uint32_t sum_end(struct sum *s);

/** sum_of() - of a buffer */
uint32_t sum_of(const void *data, size_t len);

/** sum_file() - of what an open file holds. Return: 0 or negative errno. */
int sum_file(int fd, uint32_t *ret);
