/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/err.h"

/**
 * unpack_range() - decompress a part of a file
 * @in_fd: read with pread() from @offset, @length bytes of it
 * @out_fd: written from where it stands
 * @max: more bytes than this are -EFBIG
 * @ret_len: bytes that came out; may be NULL
 *
 * Knows gzip, bzip2, xz, lzma, lz4 (the kernel's old frame too) and zstd, by their content.
 *
 * Return: 0; -EBADMSG: damaged, or no format that it knows; -EFBIG; or the negative errno of
 * reading or writing.
 */
int unpack_range(int in_fd, uint64_t offset, uint64_t length, int out_fd, uint64_t max,
		 uint64_t *ret_len, struct err *err);
