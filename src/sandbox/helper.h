/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/proc.h"
#include "loop/loop.h"

/**
 * struct helper - a program that serves a VM: it is started with it, dies with us, and its end
 * before the VM's is a failure
 * @died: called once when it ends by itself
 */
struct helper {
	const char *name;
	struct proc proc;
	struct loop_io io;
	void (*died)(struct helper *helper, int status);
	void *userdata;
};

#define HELPER_NULL                                   \
	{                                             \
		.proc = PROC_NULL, .io = LOOP_IO_NULL \
	}

/** helper_start() - @name for messages, kept. Return: 0 or negative errno. */
int helper_start(struct helper *helper, struct loop *loop, const char *name,
		 const struct proc_spec *spec, void (*died)(struct helper *helper, int status),
		 void *userdata);

/** helper_stop() - SIGKILL and reap, without calling @died; may be called again */
void helper_stop(struct helper *helper);
