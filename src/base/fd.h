/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/macro.h"

/* Descriptors: -EBADF is "none". Everything opened here is close-on-exec. */

/** fd_close() - close if there is one; errno is kept. Return: -EBADF, to assign back. */
int fd_close(int fd);

static inline void fd_close_p(int *fd)
{
	fd_close(*fd);
}
#define _cleanup_close_ __attribute__((cleanup(fd_close_p)))

/** take_fd() - hand a descriptor over: returns it and leaves -EBADF behind */
#define take_fd(fd)                \
	({                         \
		int *_pfd = &(fd); \
		int _v = *_pfd;    \
		*_pfd = -EBADF;    \
		_v;                \
	})

/** fd_nonblock() - set O_NONBLOCK, or clear it: @on. Return: 0 or negative errno. */
int fd_nonblock(int fd, bool on);

/** fd_cloexec() - set FD_CLOEXEC, or clear it: @on. Return: 0 or negative errno. */
int fd_cloexec(int fd, bool on);

/**
 * fd_keep_only() - close everything but standard error and @keep
 * @keep: descriptors, moved to 3, 4, … in this order; updated
 *
 * Standard input and output become /dev/null. Host only.
 *
 * Return: 0 or negative errno.
 */
int fd_keep_only(int *const keep[], unsigned int n);

/**
 * fd_read_full() - read until @len bytes are there or the end of file (blocking descriptors)
 *
 * Return: bytes read, less than @len only at the end of file, or negative errno.
 */
ssize_t fd_read_full(int fd, void *buf, size_t len);

/**
 * fd_wait_input() - wait until there is something to read, or the end of it, or a signal
 * @cancel: set by the handler of a signal that was installed without SA_RESTART; may be NULL
 *
 * Signals are only let in while it waits, so that none comes between the look at @cancel and the wait.
 *
 * Return: 0, or -EINTR: @cancel is set.
 */
int fd_wait_input(int fd, const volatile sig_atomic_t *cancel);

/** fd_write_full() - write all of @buf (blocking descriptors). Return: 0 or negative errno. */
int fd_write_full(int fd, const void *buf, size_t len);

/** fd_put() - the same as a callback. @fd: an int, the descriptor */
int fd_put(void *fd, const void *buf, size_t len);

/**
 * fd_slurp() - the whole content of a small file or pipe, with a NUL after it
 * @fd: blocking descriptor, read from where it stands
 * @max: more than this many bytes is -EFBIG
 * @ret_data: set on success; free() it
 * @ret_len: may be NULL
 *
 * Return: 0 or negative errno (-ENOMEM, -EFBIG, or what read() gave).
 */
int fd_slurp(int fd, size_t max, char **ret_data, size_t *ret_len);

/**
 * file_slurp_at() - fd_slurp() of a file by name
 *
 * The last component may not be a symbolic link (-ELOOP), nor a FIFO or a device (-EINVAL): of those
 * nobody knows when they will answer.
 */
int file_slurp_at(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len);

/**
 * file_write_atomic_at() - replace or make a file, whole or not at all (temporary name + rename)
 *
 * Return: 0 or negative errno; nothing is left behind on failure.
 */
int file_write_atomic_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode);
