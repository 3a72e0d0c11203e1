/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "loop/loop.h"

#define LOGFILE_BYTES_MAX (256 * 1024)

/**
 * struct logfile - what a program prints, in a file of at most LOGFILE_BYTES_MAX bytes
 *
 * When it is full it becomes <path>.1, in place of the one before, and another is begun. The
 * program writes into a pipe, of which a bounded piece is copied at a time: one that floods is held
 * up, and nobody else. Where the file cannot be written its words are dropped.
 *
 * @pipe: both ends, owned; the writing one is for programs, one after the other
 * @fd, @size: the file now
 */
struct logfile {
	struct loop_io io;
	const char *path;
	int pipe[2];
	int fd;
	size_t size;
};

#define LOGFILE_NULL                                                       \
	{                                                                  \
		.io = LOOP_IO_NULL, .pipe = {-EBADF, -EBADF}, .fd = -EBADF \
	}

/**
 * logfile_start() - make the pipe; the file is begun, after what it may hold already
 * @path: kept, not copied; its folder is made
 *
 * Return: 0 or negative errno. That the file cannot be written is none.
 */
int logfile_start(struct logfile *log, struct loop *loop, const char *path);

/** logfile_stop() - what is in the pipe is copied first; may be called again */
void logfile_stop(struct logfile *log);
