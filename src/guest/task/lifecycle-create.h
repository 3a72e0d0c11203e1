/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/executor.h"
#include "guest/task/lifecycle.h"

/* Between lifecycle.c and lifecycle-create.c. */

/** lifecycle_release() - nothing is left of it, and nobody asks any more: @p is freed */
void lifecycle_release(struct process *p);

/** lifecycle_fail() - answer with @text and @what behind it. Return: false. */
bool lifecycle_fail(struct ttrpc_call *call, enum ttrpc_code code, const char *text,
		    const char *what);

/**
 * lifecycle_spawn() - connect its streams, and let the executor make it
 * @begin: the executor's create or exec
 *
 * Return: false: @call was answered.
 */
bool lifecycle_spawn(struct ttrpc_call *call, struct process *p,
		     const struct executor_request *request,
		     int (*begin)(struct executor *executor, struct process *process,
				  const struct executor_request *request));
