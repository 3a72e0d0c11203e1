/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/uio.h>

/* Scatter-gather lists that are never changed: windows are copied out of them. */

/** iov_len() - bytes in all pieces together; the pieces were checked to fit in a size_t */
size_t iov_len(const struct iovec *iov, size_t n);

/**
 * iov_read() - copy the first @len bytes of a list into a flat buffer
 *
 * Return: bytes copied, less than @len when the list is shorter.
 */
size_t iov_read(const struct iovec *iov, size_t n, void *buf, size_t len);

/** iov_write() - the other direction. Return: bytes copied. */
size_t iov_write(const struct iovec *iov, size_t n, const void *buf, size_t len);

/**
 * iov_window() - describe @len bytes from offset @skip of a list
 * @out: has room for @n pieces
 *
 * Return: pieces written to @out; they hold fewer than @len bytes when the list ends before.
 */
size_t iov_window(struct iovec *out, const struct iovec *iov, size_t n, size_t skip, size_t len);
