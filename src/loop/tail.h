/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "loop/loop.h"

#define TAIL_KEPT	8192
#define TAIL_COPIED_MAX (1u << 20)

/**
 * struct tail - the end of what somebody printed, in fixed memory however much it is
 *
 * They write to a pipe; the last TAIL_KEPT bytes are kept for the day something fails. What is
 * handed out is fit for an error message: control characters but tabs and newlines, and whatever is
 * not ASCII, are "?", since no escape sequence of a guest's may reach a terminal.
 */
struct tail {
	struct loop_io io;
	int read_fd, copy_fd;
	size_t copied;
	char text[TAIL_KEPT];
	size_t len;
};

#define TAIL_NULL                                                        \
	{                                                                \
		.io = LOOP_IO_NULL, .read_fd = -EBADF, .copy_fd = -EBADF \
	}

/**
 * tail_start() - make the pipe and watch it
 * @ret_write_fd: for who prints; the caller closes it once they have it
 *
 * Return: 0 or negative errno.
 */
int tail_start(struct tail *tail, struct loop *loop, int *ret_write_fd);

/**
 * tail_of() - watch what somebody else has made
 * @read_fd: a pipe or FIFO, non-blocking; taken over, in any case
 * @copy_fd: as for tail_copy()
 *
 * Return: 0 or negative errno.
 */
int tail_of(struct tail *tail, struct loop *loop, int read_fd, int copy_fd);

/**
 * tail_copy() - have the first TAIL_COPIED_MAX bytes written to a file as well
 * @fd: the tail's from here on. What cannot be written is lost
 */
void tail_copy(struct tail *tail, int fd);

/** tail_drain() - take what is in the pipe now */
void tail_drain(struct tail *tail);

/** tail_stop() - may be called again; the text stays */
void tail_stop(struct tail *tail);

/**
 * tail_lines() - the last lines
 * @buf: gets at most @size - 1 bytes: whole lines, no final newline
 * @lines: at most so many
 */
void tail_lines(const struct tail *tail, size_t lines, char *buf, size_t size);

/**
 * tail_message() - what a program complained of
 * @program: its path or name
 * @buf: gets at most @size - 1 bytes
 *
 * Programs write "NAME: what went wrong", possibly with a dump of something around it. The last
 * such line counts; where there is none, the first line kept.
 */
void tail_message(const struct tail *tail, const char *program, char *buf, size_t size);
