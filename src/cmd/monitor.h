/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * A process of the host's that stands for one in a VM: it goes on when the command that was asked for
 * the process returns, passes streams and signals on, and exits with the process' status. Whoever asked
 * reaps it (PR_SET_CHILD_SUBREAPER).
 */

/**
 * struct monitor - both sides of it
 * @pid: in the command that returns; 0 in the monitor
 * @told: how the start went
 */
struct monitor {
	pid_t pid;
	int told;
};

#define MONITOR_NULL           \
	{                      \
		.told = -EBADF \
	}

/**
 * monitor_fork() - become two
 * @terminal: a terminal that is the monitor's own from here on, and its standard streams; -EBADF: it
 *	keeps those of the command
 *
 * The monitor has no other descriptors. Return: 0 in both, @ret->pid tells which this is; or negative
 * errno with a message.
 */
int monitor_fork(struct monitor *ret, int terminal, struct err *err);

/** monitor_started() - in the monitor: the command may return */
void monitor_started(struct monitor *monitor);

/** monitor_failed() - in the monitor: it did not come to that */
void monitor_failed(struct monitor *monitor, const struct err *err);

/**
 * monitor_await() - in the command: until one of these
 *
 * Return: 0 or negative errno with the monitor's message; it is reaped then.
 */
int monitor_await(struct monitor *monitor, struct err *err);
