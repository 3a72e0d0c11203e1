/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <fcntl.h>

int fd_keep_only(int *const keep[], unsigned int n)
{
	unsigned int next = 3;
	int null;

	/* Out of the way first, so that no move closes one that is still to be moved. */
	for (unsigned int i = 0; i < n; i++) {
		int fd = fcntl(*keep[i], F_DUPFD_CLOEXEC, (int)(3 + n));

		if (fd < 0)
			return -errno;
		fd_close(*keep[i]);
		*keep[i] = fd;
	}
	for (unsigned int i = 0; i < n; i++, next++) {
		if (dup3(*keep[i], (int)next, O_CLOEXEC) < 0)
			return -errno;
		*keep[i] = (int)next;
	}
	if (close_range(next, ~0u, 0) < 0)
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0))
		return -errno;
	if (null > STDERR_FILENO)
		fd_close(null);
	return 0;
}
