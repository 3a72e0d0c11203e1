/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/proc.h"
#include "loop/loop.h"
#include "shim/shim.h"

/*
 * Programs that take what a process prints: binary:///path?KEY=VALUE&... Such a program has stdout as its descriptor 3,
 * stderr as 4, and closes 5 once it reads them; its arguments are the keys and values. It ends when it has read all,
 * and lives no longer than the shim.
 */

/**
 * struct logger - one of them, in containerd.loggers
 * @name: the program's
 * @must_write: it has to write a byte before it closes its descriptor 5
 * @ready: our end of that; @patience: ends when it has taken too long
 * @process: whose output it is to take, which is held back until then; NULL: it is not, or not any more
 */
struct logger {
	struct list link;
	struct proc proc;
	struct loop_io ended, ready;
	struct loop_timer patience;
	struct shim *shim;
	struct process *process;
	char *name;
	bool must_write;
};

/** logger_is_named() - is it that, what a stream is called? */
bool logger_is_named(const char *uri);

/**
 * logger_start() - start one
 * @ret: two descriptors, of what stdout and stderr are written to
 * @ret_holder: of the process whose streams these become (struct process_stdio): until the program is ready, ten
 *	seconds at most
 *
 * Return: 0 or negative errno with a message.
 */
int logger_start(const struct container *container, const char *uri, int ret[2],
		 struct process ***ret_holder, struct err *err);

/** loggers_end() - kill those of a list that are left */
void loggers_end(struct list *loggers);
