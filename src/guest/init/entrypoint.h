/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * ABI_ENTRYPOINT and ABI_ENTRYPOINT_CONF: files of records. A record ends with a newline; but where
 * any of them has one in it, all end with a NUL, which says that about the file.
 */

/** entrypoint_end() - what the records of a file end with */
char entrypoint_end(const char *text, size_t len);

/**
 * entrypoint_split() - cut a file of arguments into them, in place
 * @text: changed; @len bytes, and a NUL behind them
 * @args: point into it; a NULL follows the last
 * @max: how many there may be at most, the NULL not counted
 *
 * The last one need not have its end.
 *
 * Return: how many arguments, or -E2BIG.
 */
int entrypoint_split(char *text, size_t len, const char **args, size_t max);
