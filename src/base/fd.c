/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int fd_close(int fd)
{
	int saved_errno = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved_errno;
	return -EBADF;
}

int fd_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

ssize_t fd_read_full(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int fd_wait_input(int fd, const volatile sig_atomic_t *cancel)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	sigset_t all, old;
	int r = -1;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	while (!(cancel && *cancel) && r < 0) {
		r = ppoll(&pfd, 1, NULL, &old);
		if (r < 0 && errno != EINTR)
			break;
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return cancel && *cancel ? -EINTR : 0;
}

int fd_write_full(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_put(void *fd, const void *buf, size_t len)
{
	return fd_write_full(*(const int *)fd, buf, len);
}

int fd_slurp(int fd, size_t max, char **ret_data, size_t *ret_len)
{
	size_t size = MIN(max, (size_t)4096), len = 0;
	char *data = malloc(size + 1), *bigger;
	ssize_t n;

	if (!data)
		return -ENOMEM;
	for (;;) {
		n = fd_read_full(fd, data + len, size - len);
		if (n < 0)
			break;
		len += (size_t)n;
		if (len < size) {
			data[len] = '\0';
			*ret_data = data;
			if (ret_len)
				*ret_len = len;
			return 0;
		}
		if (size > max) {
			n = -EFBIG;
			break;
		}
		/* One byte more than allowed shows whether the file ends at the limit. */
		size = MIN(size * 2, max + 1);
		bigger = realloc(data, size + 1);
		if (!bigger) {
			n = -ENOMEM;
			break;
		}
		data = bigger;
	}
	free(data);
	return (int)n;
}

int file_slurp_at(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len)
{
	_cleanup_close_ int fd =
		openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -EINVAL;
	return fd_slurp(fd, max, ret_data, ret_len);
}

int file_write_atomic_at(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
	_cleanup_close_ int fd = -EBADF;
	char tmp[NAME_MAX + 1];
	int n, r;

	n = snprintf(tmp, sizeof(tmp), ".%s.%d", name, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof(tmp))
		return -ENAMETOOLONG;
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	r = fd_write_full(fd, data, len);
	if (r == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dirfd, tmp, 0);
	return r;
}
