/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/proc.h"
#include "loop/loop.h"
#include "sandbox/record.h"

/*
 * The process that stands for a container which has come to the VM of another: whoever takes its number for the
 * container's process sees the container's files (view.h), and ends the container by ending it. It is what the keeper is
 * to the first one (keeper.h), but for that it settles nothing: it ends with the shim, whose child it is.
 */

/* Besides signals' numbers and KEEPER_SEES. */
#define DEPUTY_GONE (-1)

/**
 * struct deputy - one of them
 * @pid: its number, also once it has ended; 0: there was none
 * @said: @what: KEEPER_SEES, once; a signal that it got; or DEPUTY_GONE, which is the last, and not deputy_end()'s doing
 */
struct deputy {
	struct proc proc;
	pid_t pid;
	struct loop_io passed;
	void (*said)(struct deputy *deputy, int what);
};

#define DEPUTY_NULL                                       \
	{                                                 \
		.proc = PROC_NULL, .passed = LOOP_IO_NULL \
	}

/**
 * deputy_start() - begin to stand for a container; @said follows
 * @vm: the record of the VM's first one
 * @spec: of this one
 *
 * Return: 0 or negative errno.
 */
int deputy_start(struct deputy *deputy, struct loop *loop, const struct record *vm,
		 const struct sandbox_spec *spec, void (*said)(struct deputy *deputy, int what));

/** deputy_end() - the container has ended: it ends; may be called again */
void deputy_end(struct deputy *deputy);
