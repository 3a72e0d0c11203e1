/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

char *path_join(const char *a, const char *b)
{
	return xasprintf("%s/%s", a, b);
}

char *path_find_program_in(const char *path, const char *name)
{
	const char *end;

	for (; path && *path; path = *end ? end + 1 : end) {
		_cleanup_free_ char *candidate = NULL;

		end = strchrnul(path, ':');
		candidate = xasprintf("%.*s/%s", (int)(end - path), path, name);
		if (access(candidate, X_OK) == 0)
			return take_ptr(candidate);
	}
	return NULL;
}

char *path_find_program(const char *name)
{
	return strchr(name, '/') ? xstrdup(name) : path_find_program_in(getenv("PATH"), name);
}

char *path_self_dir(void)
{
	char buf[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", buf, sizeof(buf) - 1);

	if (n <= 0)
		return NULL;
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return strdup(buf);
}
