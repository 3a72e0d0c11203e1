/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* "foo.tar", where docker-archive:foo.tar was meant: that is a name in a registry as well. */

/**
 * unprefixed_advice() - how to write what is here
 * @typed: name of a file or folder, without a word before it that says what it is
 *
 * Return: "for the folder here write dir:NAME", fit for a message; NULL: there is nothing of that
 * name. free() it.
 */
char *unprefixed_advice(const char *typed);

/**
 * unprefixed_is_file() - does the name end as those of archives and disks do?
 *
 * Then a file is meant. "busybox" may well be a file here, and an image is wanted.
 */
bool unprefixed_is_file(const char *typed);
