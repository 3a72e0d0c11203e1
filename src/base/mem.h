/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

/*
 * Host programs may abort when memory runs out; these wrappers do that, so that their callers need
 * no path for it. The guest and vsockd never call them: they live in fixed tables.
 */

/** xmalloc() - malloc() that aborts on failure; never returns NULL, not even for 0 bytes */
void *xmalloc(size_t size);

/** xcalloc() - calloc() that aborts on failure or overflow */
void *xcalloc(size_t n, size_t size);

/** xreallocarray() - reallocarray() that aborts on failure or overflow */
void *xreallocarray(void *p, size_t n, size_t size);

/** xstrdup() - strdup() that aborts on failure; NULL stays NULL */
char *xstrdup(const char *s);

/** xstrndup() - strndup() that aborts on failure */
char *xstrndup(const char *s, size_t n);

/** xasprintf() - asprintf() that returns the new string and aborts on failure */
char *xasprintf(const char *fmt, ...) _printf_(1, 2);

/** xvasprintf() - vasprintf() that returns the new string and aborts on failure */
char *xvasprintf(const char *fmt, va_list ap) _printf_(1, 0);

static inline void free_p(void *p)
{
	free(*(void **)p);
}
#define _cleanup_free_ __attribute__((cleanup(free_p)))
