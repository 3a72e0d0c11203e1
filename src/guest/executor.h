/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest.pb-c.h"
#include "guest/process.h"
#include "mount.pb-c.h"

/*
 * What runs containers. The Task service speaks to one through this table only; the executor tells
 * what becomes of a process by calling executor_events, in this order:
 *
 *	create()  -> terminal()? -> prepared() | failed()
 *	start()	  -> started() | failed()
 *	exec()	  -> terminal()? -> started() | failed()
 *
 * never from within those calls. After failed() the executor has forgotten the process. Its end is
 * not the executor's to tell: all children of vminitd are reaped in one place (guest/reap.h).
 */

/**
 * struct executor_request - what to run
 * @container: NULL: an exec
 * @process: what is executed
 * @rootfs, @n_rootfs: the container's root file system: mounts, one over the other
 */
struct executor_request {
	const Caisson__Guest__V1__Container *container;
	const Caisson__Guest__V1__Process *process;
	size_t n_rootfs;
	Containerd__Types__Mount **rootfs;
};

/**
 * struct executor_events - what the Task service wants to know
 * @prepared: the container stands, its command was found, its process waits for start()
 * @terminal: the process has made its terminal; @master is the callee's
 * @started: its program runs
 * @failed: it will not; @text is for people
 */
struct executor_events {
	void (*prepared)(struct process *process);
	void (*terminal)(struct process *process, int master);
	void (*started)(struct process *process);
	void (*failed)(struct process *process, enum ttrpc_code code, const char *text);
};

struct executor;

/**
 * struct executor_ops - one kind of executor
 * @create: begin to make a container; sets @process->pid
 * @start: let a prepared one go
 * @exec: begin to run another process in @process->container; sets @process->pid
 * @signal: @all: every process of the container. Return: -ESRCH when it has ended
 * @pids: of all processes of a container, @max at most. Return: how many
 * @settle: the process was reaped: tell what has not been told yet
 * @release: forget a process that was reaped, and what belongs to it; may be called again
 *
 * All but the last two return 0 or negative errno; then nothing was begun.
 */
struct executor_ops {
	int (*create)(struct executor *executor, struct process *process,
		      const struct executor_request *request);
	int (*start)(struct executor *executor, struct process *process);
	int (*exec)(struct executor *executor, struct process *process,
		    const struct executor_request *request);
	int (*signal)(struct executor *executor, struct process *process, int signo, bool all);
	int (*pids)(struct executor *executor, const struct process *process, pid_t *ret, int max);
	void (*settle)(struct executor *executor, struct process *process);
	void (*release)(struct executor *executor, struct process *process);
};

struct executor {
	const struct executor_ops *ops;
	const struct executor_events *events;
};
