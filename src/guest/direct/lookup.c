/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* Of an open file: to find it once more would ask the host for each symbolic link on the way. */
static bool may_execute(int fd, const char *file)
{
	if (syscall(SYS_faccessat2, fd, "", X_OK, AT_EMPTY_PATH) == 0)
		return true;
	return errno == ENOSYS && access(file, X_OK) == 0;
}

static int executable(const char *file)
{
	_cleanup_close_ int fd = open(file, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* A user who may execute anything may still not execute what has no x bit at all. */
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111) || !may_execute(fd, file))
		return -EACCES;
	return 0;
}

int lookup_command(const char *name, const char *path, char *ret, size_t size)
{
	size_t len;
	int n, r;

	if (strchr(name, '/')) {
		r = executable(name);
		if (r == 0 && (size_t)snprintf(ret, size, "%s", name) >= size)
			r = -ENAMETOOLONG;
		return r;
	}
	if (!*name)
		return -ENOENT;
	for (;; path += len + 1) {
		len = strcspn(path, ":");
		n = snprintf(ret, size, "%.*s/%s", len ? (int)len : 1, len ? path : ".", name);
		if (n > 0 && (size_t)n < size && executable(ret) == 0)
			return 0;
		if (path[len] == '\0')
			return -ENOENT;
	}
}
