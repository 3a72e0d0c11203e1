/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "loop/loop.h"

#define CONSOLE_KEPT 8192

/**
 * struct console - the end of what a guest printed on its serial console
 *
 * The VMM writes to a pipe; the last CONSOLE_KEPT bytes are kept for the day a boot fails.
 */
struct console {
	struct loop_io io;
	int read_fd;
	char text[CONSOLE_KEPT];
	size_t len;
};

#define CONSOLE_NULL                                  \
	{                                             \
		.io = LOOP_IO_NULL, .read_fd = -EBADF \
	}

/**
 * console_start() - make the pipe and watch it
 * @ret_write_fd: for the VMM; the caller closes it once the VMM has it
 *
 * Return: 0 or negative errno.
 */
int console_start(struct console *console, struct loop *loop, int *ret_write_fd);

/** console_drain() - take what is in the pipe now */
void console_drain(struct console *console);

/** console_stop() - may be called again; the text stays */
void console_stop(struct console *console);

/**
 * console_tail() - the last lines, fit for an error message
 * @buf: gets at most @size - 1 bytes: whole lines, control characters as "?", no final newline
 * @lines: at most so many
 */
void console_tail(const struct console *console, size_t lines, char *buf, size_t size);
