/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/executor.h"

/*
 * An executor that runs nothing: its user tells what becomes of the processes, by fake_tell() and
 * lifecycle_reaped(). Their pids are beyond those that the kernel gives.
 */

extern struct executor fake_executor;
extern pid_t fake_last_pid;
extern int fake_last_signal;
extern int fake_refuse; /* what its functions return, unless 0 */

enum fake_event {
	FAKE_GOOD, /* as far as it goes: prepared or started */
	FAKE_FAILED,
	FAKE_TERMINAL,
	FAKE_EVENTS,
};

/** fake_tell() - if this is the time for it. Return: whether it was. */
bool fake_tell(struct process *p, enum fake_event event);

/** fake_write() - the process prints. Return: as write(2), -1 when it has no stdout. */
ssize_t fake_write(struct process *p, const void *data, size_t len);
