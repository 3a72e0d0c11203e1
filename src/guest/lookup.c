/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int executable(const char *file)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return -errno;
	/* A user who may execute anything may still not execute what has no x bit at all. */
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111) || access(file, X_OK) < 0)
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
