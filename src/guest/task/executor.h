/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest.pb-c.h"
#include "guest/task/process.h"
#include "mount.pb-c.h"

/*
 * What runs containers. The Task service speaks to one through this table only; the executor tells
 * what becomes of a process by calling executor_events, in this order:
 *
 *	create()  -> terminal()? -> prepared() | failed()
 *	start()	  -> started() | failed()
 *	exec()	  -> terminal()? -> started() | failed()
 *	remove()  -> removed()
 *
 * never from within those calls. After failed() the executor has forgotten the process. Its end is
 * not the executor's to tell: all children of vminitd are reaped in one place (guest/reap.h).
 */

/**
 * struct executor_request - what to run
 * @container: NULL: an exec, or the executor takes bundles
 * @process: a container's first; NULL: an exec, or the executor takes bundles
 * @rootfs, @n_rootfs: the container's root file system: mounts, one over the other
 * @resources: the container's limits; NULL: none, or the bundle has them
 * @spec, @spec_len: an exec, as it came: a caisson.guest.v1.Process, or an OCI process
 */
struct executor_request {
	const Caisson__Guest__V1__Container *container;
	const Caisson__Guest__V1__Process *process;
	size_t n_rootfs;
	Containerd__Types__Mount **rootfs;
	const Caisson__Guest__V1__Resources *resources;
	const void *spec;
	size_t spec_len;
};

/**
 * struct executor_events - what the Task service wants to know
 * @prepared: the container stands, its command was found, its process waits for start()
 * @terminal: the process has made its terminal; @master is the callee's
 * @started: its program runs
 * @failed: it will not; @text is for people
 * @removed: nothing is left of the container
 */
struct executor_events {
	void (*prepared)(struct process *process);
	void (*terminal)(struct process *process, int master);
	void (*started)(struct process *process);
	void (*failed)(struct process *process, enum ttrpc_code code, const char *text);
	void (*removed)(struct process *process);
};

struct executor;

/**
 * struct executor_ops - one kind of executor
 * @takes_bundles: containers come as OCI bundles (guest/oci/bundle.h), any number at a time, and what is
 *	executed in them as OCI processes. Until a process has started, what comes out of its stdio
 *	may be the words of the program that sets it up
 * @create: begin to make a container; @process->pid is set by the time that it is prepared
 * @start: let a prepared one go
 * @exec: begin to run another process in @process->container; @process->pid is set by the time that it
 *	has started
 * @signal: @all: every process of the container. Return: -ESRCH when it has ended
 * @pids: of all processes of a container, @max at most. Return: how many
 * @learn: set @process->pid of an exec that is being started, if its process is there by now; NULL: that
 *	is always known
 * @settle: the process was reaped: tell what has not been told yet
 * @remove: begin to remove what is left of a container that has ended; NULL: nothing is
 * @release: forget a process that was reaped, and what belongs to it; may be called again
 *
 * Those that return something return 0 or negative errno; then nothing was begun.
 */
struct executor_ops {
	bool takes_bundles;
	int (*create)(struct executor *executor, struct process *process,
		      const struct executor_request *request);
	int (*start)(struct executor *executor, struct process *process);
	int (*exec)(struct executor *executor, struct process *process,
		    const struct executor_request *request);
	int (*signal)(struct executor *executor, struct process *process, int signo, bool all);
	int (*pids)(struct executor *executor, const struct process *process, pid_t *ret, int max);
	void (*learn)(struct executor *executor, struct process *process);
	void (*settle)(struct executor *executor, struct process *process);
	int (*remove)(struct executor *executor, struct process *process);
	void (*release)(struct executor *executor, struct process *process);
};

struct executor {
	const struct executor_ops *ops;
	const struct executor_events *events;
};
