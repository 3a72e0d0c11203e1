/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Bytes from the guest that the host's socket did not take yet. The memory exists only while there
 * are any; it is bounded, as a guest never gets credit for more than the buffer holds.
 */

/**
 * struct wbuf - a ring of bytes
 * @data: NULL while empty
 * @size: bytes that fit, a power of two and whole pages; set once
 * @head: first byte; @len: how many there are
 */
struct wbuf {
	uint8_t *data;
	uint32_t size;
	uint32_t head, len;
};

/** wbuf_init() - @size: see struct wbuf */
void wbuf_init(struct wbuf *wbuf, uint32_t size);

/** wbuf_deinit() - forget all bytes; may run twice */
void wbuf_deinit(struct wbuf *wbuf);

/**
 * wbuf_append() - copy the bytes of a list, from offset @skip, behind those that are there
 *
 * Return: 0, -ENOBUFS if they do not fit, -ENOMEM.
 */
int wbuf_append(struct wbuf *wbuf, const struct iovec *iov, size_t n, size_t skip);

/**
 * wbuf_flush() - write as much as the socket takes
 * @fd: non-blocking stream socket
 *
 * Return: bytes written, 0 also when it takes none now; negative errno.
 */
ssize_t wbuf_flush(struct wbuf *wbuf, int fd);

/**
 * sock_write() - write to a non-blocking stream socket, without SIGPIPE
 *
 * Return: bytes written, 0 if it takes none now, negative errno.
 */
ssize_t sock_write(int fd, const struct iovec *iov, size_t n);
