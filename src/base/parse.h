/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text to numbers, strictly: the whole string or -EINVAL, out of range is -ERANGE. */

/** parse_u64() - decimal number from @min to @max. Return: 0 or negative errno. */
int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret);

/** parse_u32() - as parse_u64() */
int parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *ret);

/**
 * parse_size() - "256M", "1g", "4096", "512MiB": bytes, with binary units k, m, g, t
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int parse_size(const char *s, uint64_t *ret_bytes);

/** str_starts() - does @s begin with @prefix? Return: what follows it, or NULL. */
const char *str_starts(const char *s, const char *prefix);

/** str_is_choice() - is @word one of @choices, which are "a|b|c"? */
bool str_is_choice(const char *choices, const char *word);

/** str_has_word() - are the first @len bytes of @word one of the words of @list, between any of the bytes @gaps? */
bool str_has_word(const char *list, const char *gaps, const char *word, size_t len);

/** signal_from_name() - "TERM", "SIGTERM" or "15" to the number. Return: it; -EINVAL: there is none. */
int signal_from_name(const char *name);
