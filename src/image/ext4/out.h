/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/**
 * struct ext4_out - a file written in large pieces
 * @fd: not owned
 * @buf, @n: what is not written yet, and belongs at @at
 * @behind: bytes that the disk does not know of yet
 * @error: the first that there was, negative errno: nothing is written after it
 */
struct ext4_out {
	int fd;
	char *buf;
	size_t n;
	uint64_t at, behind;
	int error;
};

/** ext4_out_init(), ext4_out_done() - begin; free. @fd: stays the caller's */
void ext4_out_init(struct ext4_out *out, int fd);
void ext4_out_done(struct ext4_out *out);

/** ext4_out_put() - @len bytes at @at; cheap where they follow the last ones. Return: 0 or errno. */
int ext4_out_put(struct ext4_out *out, uint64_t at, const void *data, size_t len);

/** ext4_out_zero() - as ext4_out_put(), less than a block of zeros */
int ext4_out_zero(struct ext4_out *out, uint64_t at, size_t len);

/** ext4_out_flush() - write what is in memory. Return: 0 or negative errno. */
int ext4_out_flush(struct ext4_out *out);

/** ext4_out_punch() - make a hole of what had been written. Return: 0 or negative errno. */
int ext4_out_punch(struct ext4_out *out, uint64_t at, uint64_t len);

/** ext4_out_end() - all is in the file, which has that size. Return: 0 or negative errno. */
int ext4_out_end(struct ext4_out *out, uint64_t size);

/** ext4_out_sync() - and on the disk. Return: 0 or negative errno. */
int ext4_out_sync(struct ext4_out *out);
