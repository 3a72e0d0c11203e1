/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>

#include "base/err.h"

/**
 * struct console - a terminal of the host's for a process in a VM
 * @master: for whoever asked; @slave: for whoever passes bytes on to the guest
 */
struct console {
	int master, slave;
	char name[64];
};

#define CONSOLE_NULL                               \
	{                                          \
		.master = -EBADF, .slave = -EBADF, \
	}

/**
 * console_open() - make one
 * @config: of the container, for process.consoleSize; NULL: no size is known
 *
 * Return: 0 or negative errno with a message.
 */
int console_open(struct console *console, const char *config, struct err *err);

/**
 * console_send() - hand @master over
 * @path: of a unix socket where somebody takes it (OCI runtimes' --console-socket)
 *
 * Return: 0 or negative errno with a message.
 */
int console_send(struct console *console, const char *path, struct err *err);

/** console_close_slave() - once somebody else has it */
void console_close_slave(struct console *console);

/** console_done() - may be called again */
void console_done(struct console *console);
