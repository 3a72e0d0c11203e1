/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What tables for people are made of. */

/** table_printable() - what somebody else wrote, so that it cannot move the cursor; free() it */
char *table_printable(const char *s);

/**
 * table_cell() - print a column of @width characters of UTF-8, and a blank
 * @keep_end: the end of a text that is too long tells it from others, rather than its beginning
 */
void table_cell(const char *text, size_t width, bool keep_end);

/** table_width() - of a column of @width that shows @text, too, if that is no longer than @max */
size_t table_width(const char *text, size_t width, size_t max);

/** table_age() - "3 days ago". @created: seconds since the epoch */
void table_age(int64_t created, char *buf, size_t size);

/** table_size() - "324MB" */
void table_size(uint64_t bytes, char *buf, size_t size);
