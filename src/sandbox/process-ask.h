/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/process.h"

/* Inside of process.c. */

/**
 * process_ask() - ask the guest to create it, in the way of its executor
 * @names: of stdin, stdout, stderr in the guest, or ""
 * @answered: called with the answer, or with the refusal of what comes before
 *
 * Return: 0, -EMSGSIZE, or negative errno; with a message in @err if there is more to say.
 */
int process_ask(struct process *p, char *const names[3],
		void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer),
		struct err *err);
