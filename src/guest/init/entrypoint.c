/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/entrypoint.h"

#include <errno.h>
#include <string.h>

char entrypoint_end(const char *text, size_t len)
{
	return memchr(text, '\0', len) ? '\0' : '\n';
}

int entrypoint_split(char *text, size_t len, const char **args, size_t max)
{
	char end = entrypoint_end(text, len), *const last = text + len, *next;
	size_t n = 0;

	for (; text < last; text = next + 1) {
		if (n == max)
			return -E2BIG;
		args[n++] = text;
		next = memchr(text, end, (size_t)(last - text));
		if (!next)
			next = last;
		*next = '\0';
	}
	args[n] = NULL;
	return (int)n;
}
