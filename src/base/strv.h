/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/macro.h"

/**
 * struct strv - a growing list of owned strings, ready for exec: v[n] is always NULL
 *
 * Host only: aborts without memory.
 */
struct strv {
	char **v;
	size_t n;
};

#define STRV_NULL                 \
	{                         \
		.v = NULL, .n = 0 \
	}

/** strv_add() - append a copy of @s */
void strv_add(struct strv *l, const char *s);

/** strv_take() - append @s itself, which the list owns from then on */
void strv_take(struct strv *l, char *s);

/** strv_addf() - append a formatted string */
void strv_addf(struct strv *l, const char *fmt, ...) _printf_(2, 3);

/** strv_sort() - by their bytes */
void strv_sort(struct strv *l);

/** strv_env_set() - put "KEY=VALUE" in, replacing an entry with the same key */
void strv_env_set(struct strv *l, const char *assignment);

/** strv_env_unset() - take the entry of @key out, if there is one */
void strv_env_unset(struct strv *l, const char *key);

/** strv_env_get() - value of @key, or NULL */
const char *strv_env_get(const struct strv *l, const char *key);

/** strv_done() - free all; may be called again */
void strv_done(struct strv *l);
#define _cleanup_strv_ __attribute__((cleanup(strv_done)))
