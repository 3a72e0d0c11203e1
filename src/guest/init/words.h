/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/**
 * words_split() - cut a line into words at blanks, in place
 * @line: changed; the words point into it
 * @words: where they go; a NULL follows the last
 * @max: how many there may be at most, the NULL not counted
 *
 * As in a shell, but for quoting nothing has a meaning: between ' and ' every byte stands for
 * itself, between " and " all but backslash, and a backslash lets the next byte stand for itself.
 *
 * Return: how many words; -EINVAL: a quote without its end; -E2BIG: too many.
 */
int words_split(char *line, const char **words, size_t max);
