/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/proc.h"
#include "loop/tail.h"
#include "vmm/vmm.h"

/**
 * struct vmm_child - the VMM's process, its stderr and its end
 * @message: what to quote of its stderr, once it has ended
 * @ended: the process is reaped; called last, so that the owner may be freed in it
 */
struct vmm_child {
	struct proc proc;
	struct loop_io exit_io;
	struct tail tail;
	char *program;
	char message[VMM_MESSAGE_MAX];
	void (*ended)(struct vmm_child *child, int status);
};

#define VMM_CHILD_NULL                                                         \
	{                                                                      \
		.proc = PROC_NULL, .exit_io = LOOP_IO_NULL, .tail = TAIL_NULL, \
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
