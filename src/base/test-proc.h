/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

#define TEST_OUTPUT_MAX 4096

/**
 * test_proc_run() - start a program, wait, and collect what it printed on stderr and stdout
 * together
 * @ret_output: NUL-terminated, at most TEST_OUTPUT_MAX bytes; free() it
 *
 * Return: exit status (128 + signal), or negative errno when it could not be started.
 */
static inline int test_proc_run(const struct proc_spec *spec, char **ret_output)
{
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	struct proc_spec s = *spec;
	struct proc p = PROC_NULL;
	int fds[2], r;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	rd = fds[0];
	wr = fds[1];
	s.stdout_fd = s.stderr_fd = wr;
	r = proc_start(&s, &p);
	if (r < 0)
		return r;
	wr = fd_close(wr);
	*ret_output = xcalloc(1, TEST_OUTPUT_MAX + 1);
	n = fd_read_full(rd, *ret_output, TEST_OUTPUT_MAX);
	r = proc_wait(&p);
	return n < 0 ? (int)n : r;
}
