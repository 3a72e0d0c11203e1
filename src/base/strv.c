/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void strv_take(struct strv *l, char *s)
{
	l->v = xreallocarray(l->v, l->n + 2, sizeof(*l->v));
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

void strv_add(struct strv *l, const char *s)
{
	strv_take(l, xstrdup(s));
}

void strv_addf(struct strv *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strv_take(l, xvasprintf(fmt, ap));
	va_end(ap);
}

static char **env_find(const struct strv *l, const char *key, size_t len)
{
	for (size_t i = 0; i < l->n; i++)
		if (strncmp(l->v[i], key, len) == 0 && l->v[i][len] == '=')
			return &l->v[i];
	return NULL;
}

void strv_env_set(struct strv *l, const char *assignment)
{
	char **old = env_find(l, assignment, strcspn(assignment, "="));

	if (!old) {
		strv_add(l, assignment);
		return;
	}
	free(*old);
	*old = xstrdup(assignment);
}

void strv_env_unset(struct strv *l, const char *key)
{
	char **old = env_find(l, key, strlen(key));

	if (!old)
		return;
	free(*old);
	/* The NULL at the end comes along. */
	memmove(old, old + 1, (size_t)(l->v + l->n - old) * sizeof(*old));
	l->n--;
}

const char *strv_env_get(const struct strv *l, const char *key)
{
	size_t len = strlen(key);
	char **entry = env_find(l, key, len);

	return entry ? *entry + len + 1 : NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), compare);
}

void strv_done(struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}
