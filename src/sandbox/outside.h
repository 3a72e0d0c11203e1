/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/stat.h>

#include "base/err.h"

/*
 * Where this process was before it had a mount namespace of its own. What is mounted there later is seen here as well
 * where the mounts around it are shared, as systemd makes them; on other hosts it is not, and there would be an empty
 * folder for it, as for each of a pod's subPath that is mounted once the pod runs.
 */

/** outside_remember() - before the process leaves that namespace; again: it stays the first one */
void outside_remember(void);

/**
 * outside_find() - look something up there, or, if nothing is, here
 * @ret: of it
 *
 * Return: its name without symbolic links, a new string; or NULL with errno.
 */
char *outside_find(const char *path, struct stat *ret);

/**
 * outside_open() - open what had the absolute name @path there when it was looked up; no symbolic link
 * @place: nothing is there; where it is another one than the one of that name here, it is mounted on that, with what is
 *	mounted in it
 *
 * Return: a descriptor, for paths only, until outside_leave(); or negative errno with a message.
 */
int outside_open(const char *path, const char *place, struct err *err);

/** outside_leave() - unmount what is there, if anything is. What was cloned of it stays. */
void outside_leave(const char *place);
