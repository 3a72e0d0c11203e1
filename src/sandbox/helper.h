/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/proc.h"
#include "loop/loop.h"
#include "loop/tail.h"

/**
 * struct helper - a program that serves a VM: it is started with it, dies with us, and its end
 * before the VM's is a failure
 * @words: what it has printed
 * @died: called once when it ends by itself
 */
struct helper {
	const char *name;
	struct proc proc;
	struct loop_io io;
	struct tail words;
	void (*died)(struct helper *helper, int status);
	void *userdata;
};

#define HELPER_NULL                                                       \
	{                                                                 \
		.proc = PROC_NULL, .io = LOOP_IO_NULL, .words = TAIL_NULL \
	}

/**
 * helper_start() - start it
 * @name: for messages; kept
 * @spec: but for where its output goes
 *
 * Return: 0 or negative errno.
 */
int helper_start(struct helper *helper, struct loop *loop, const char *name,
		 const struct proc_spec *spec, void (*died)(struct helper *helper, int status),
		 void *userdata);

/** helper_words() - its last line, for @died; "": it has said nothing */
void helper_words(struct helper *helper, char *buf, size_t size);

/** helper_stop() - SIGKILL and reap, without calling @died; may be called again */
void helper_stop(struct helper *helper);
