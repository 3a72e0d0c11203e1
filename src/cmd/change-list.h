/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/limits.h>
#include <stddef.h>

#include "overlay/changes.h"

/**
 * struct change_list - what a guest says that a container has changed, as it comes; it may be anything
 * @tell: what to do with each. Return: 0 or negative errno, which ends it
 * @line, @n: what has come of the next one: its kind, then its path
 */
struct change_list {
	int (*tell)(enum change change, const char *path, void *userdata);
	void *userdata;
	char line[PATH_MAX + 2];
	size_t n;
};

/**
 * change_list_put() - some bytes
 * @list: a struct change_list
 *
 * Return: 0; -EPROTO: that is no list of changes; what tell() returned.
 */
int change_list_put(void *list, const void *data, size_t len);

/** change_list_end() - that was all. Return: 0, or -EPROTO: something is missing. */
int change_list_end(const struct change_list *list);
