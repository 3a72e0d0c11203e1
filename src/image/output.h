/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/**
 * struct output - a file that appears in one step, whole, or not at all
 * @fd: to write to; it has no name until output_commit(), if the file system can do that
 * @dir: the folder
 * @name: in @dir, what it will be
 * @tmp: its name until then; NULL: none
 */
struct output {
	int fd, dir;
	char *name, *tmp;
};

#define OUTPUT_NULL                         \
	{                                   \
		.fd = -EBADF, .dir = -EBADF \
	}

/** output_open() - begin. Return: 0 or negative errno, with a message. */
int output_open(struct output *o, const char *path, struct err *err);

/**
 * output_open_in() - begin, in a folder that is open
 * @dir: stays the caller's
 * @name: a path below it; before output_commit() @o->name may become another, whose folder is there then
 *
 * Return: as above.
 */
int output_open_in(struct output *o, int dir, const char *name, struct err *err);

/** output_commit() - give it its name, in place of a file that is there. Return: as above. */
int output_commit(struct output *o, struct err *err);

/** output_done() - close, and remove what was not committed; may be called again */
void output_done(struct output *o);
#define _cleanup_output_ __attribute__((cleanup(output_done)))
