/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/proc.h"
#include "loop/loop.h"
#include "vmm/tail.h"

/**
 * struct vmm_child - the VMM's process, its stderr and its end
 * @ended: the process is reaped and all it wrote on stderr is in @tail; called last, so that the
 *	owner may be freed in it
 */
struct vmm_child {
	struct proc proc;
	struct loop_io exit_io;
	struct loop_io stderr_io;
	int stderr_fd;
	struct tail tail;
	void (*ended)(struct vmm_child *child, int status);
};

#define VMM_CHILD_NULL                                                                 \
	{                                                                              \
		.proc = PROC_NULL, .exit_io = LOOP_IO_NULL, .stderr_io = LOOP_IO_NULL, \
		.stderr_fd = -EBADF,                                                   \
	}

/**
 * vmm_child_start() - start a program and watch it; it dies with this process
 * @child: VMM_CHILD_NULL before
 * @spec: its stderr_fd and death_signal are set here
 *
 * Return: 0 or negative errno.
 */
int vmm_child_start(struct loop *loop, struct vmm_child *child, const struct proc_spec *spec,
		    void (*ended)(struct vmm_child *child, int status));

/** vmm_child_stop() - SIGKILL, reap, forget; harmless when there is none */
void vmm_child_stop(struct vmm_child *child);
