/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <time.h>

/*
 * Within this layer: numbers as archives have them. All return 0 or -EBADMSG.
 */

/** tar_number_field() - of a header: octal digits, or GNU's base-256, which may be negative */
int tar_number_field(const char *field, size_t size, int64_t *ret);

/** tar_number_text() - of a pax record: decimal digits to the end of the string */
int tar_number_text(const char *s, uint64_t max, uint64_t *ret);

/** tar_number_time() - of a pax record: seconds, with a sign and a fraction or without */
int tar_number_time(const char *s, struct timespec *ret);
