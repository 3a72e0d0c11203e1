/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/**
 * toml_check() - whether a text is TOML, and no table or key is there twice
 * @ret_line: else: in which line it is not, the first is 1
 * @ret_what: else: what is wrong there
 *
 * Of numbers, dates and escapes no more is checked than where they end.
 */
bool toml_check(const char *text, unsigned int *ret_line, const char **ret_what);
