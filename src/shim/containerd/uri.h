/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/**
 * uri_decode() - a piece of a URI, as it is without what is encoded there
 * @query: it is one of the query, where a plus is a blank
 *
 * Return: a new string; NULL: there is a % that says nothing, or says NUL.
 */
char *uri_decode(const char *text, size_t len, bool query);
