/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/record.h"

/**
 * root_names_keep() - put /etc/passwd and /etc/group of a container's image into its record
 * @rootfs: the image: a folder or a disk
 *
 * For crun, whose users have numbers only. What is no plain file there, or is not there, is left out: a
 * symbolic link on a disk too.
 *
 * Return: 0 or negative errno, with a message.
 */
int root_names_keep(const struct record *record, const char *rootfs, struct err *err);
