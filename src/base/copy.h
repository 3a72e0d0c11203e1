/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>

/**
 * copy_file() - all of a file into another one, with its holes
 * @from: a file, open for reading, of which nothing but this uses the position
 * @to: an empty file, open for writing
 * @cancel: when set by a signal, the copy ends with -EINTR; may be NULL
 *
 * Where the file system can, the two share their blocks until one of them is written to; else the
 * kernel copies what is no hole. A file that gets shorter meanwhile gives a shorter copy.
 *
 * Return: 0 or negative errno.
 */
int copy_file(int from, int to, const volatile sig_atomic_t *cancel);
