/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* What a user who is not root does with files of several owners. */

/**
 * struct userns_range - numbers of users, or of groups, that somebody was given
 */
struct userns_range {
	uint32_t first, count;
};

/**
 * userns_range_of() - what a file as subuid(5) gives to somebody
 * @text: the file's content
 * @ret: the first range; left alone where there is none
 *
 * Return: whether there is one.
 */
bool userns_range_of(const char *text, const char *name, uid_t uid, struct userns_range *ret);

/**
 * userns_ranges() - does this process' user have numbers besides its own, and programs to take them?
 */
bool userns_ranges(struct userns_range *ret_users, struct userns_range *ret_groups);

/**
 * userns_enter() - make this process, with one thread, root of a user namespace of its own
 *
 * Root there is who the process was before. With subuid(5) and newuidmap(1) the users from 1 on are those of
 * the range; else there is nobody but root, and setgroups(2) does nothing, but says that it did. The limit of
 * open files becomes the highest.
 *
 * Return: 0 or negative errno with a message.
 */
int userns_enter(struct err *err);

/** userns_call() - proc_call() in such a namespace */
int userns_call(int (*call)(void *data, struct err *err), void *data, struct err *err);
