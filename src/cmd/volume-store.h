/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"

/* Named volumes: folders <root>/volumes/NAME, which stay when the containers that had them go. */

#define VOLUME_NAME_RULE                                                                         \
	"letters, digits, \"_\", \".\" and \"-\", beginning with a letter or digit, 2 to 64 of " \
	"them"

/** volume_name_valid() - may a volume be called so? */
bool volume_name_valid(const char *name);

/** volume_store_path() - where one is, or would be; a new string */
char *volume_store_path(const char *root, const char *name);

/** volume_store_list() - their names, sorted. Return: 0 or negative errno with a message. */
int volume_store_list(const char *root, struct strv *ret, struct err *err);

/** volume_store_remove() - with all that is in it. Return: 0 or negative errno with a message. */
int volume_store_remove(const char *root, const char *name, struct err *err);

/**
 * volume_store_make() - a volume's folder, made if it is not there
 * @root: of all that is ours
 * @ret: its path, a new string
 *
 * Return: 0 or negative errno with a message.
 */
int volume_store_make(const char *root, const char *name, char **ret, struct err *err);
