/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/process.h"
#include "ttrpc/server.h"

/**
 * runc_words_fail() - answer that a process could not be made, or started
 * @starting: it was made
 *
 * Where it is the command's fault a client of containerd's gets the words, and the code, that containerd's shim for runc has for that:
 * it may know them, and would take NOT_FOUND for the container's not being there. `caisson exec` gets the guest's own.
 */
void runc_words_fail(struct ttrpc_call *call, const struct process *process,
		     const struct process_result *result, bool starting);
