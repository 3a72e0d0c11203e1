/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

/**
 * workspace_make() - a folder that belongs to somebody, with all that is in it
 * @path: absolute; what is missing of it is made
 *
 * A folder that is theirs already is left as it is: only the first boot of an image has to look at
 * everything. No symbolic link in @path or below it is followed, and no other file system is
 * entered.
 *
 * Return: 0 or the first negative errno; what can be done is done all the same.
 */
int workspace_make(const char *path, uid_t uid, gid_t gid);
