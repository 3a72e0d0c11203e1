/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/shim.h"

/*
 * The calls that are answered later. A process has at most one of Create, Exec, Start, Delete,
 * Pause or Resume under way (process.userdata); calls of Wait are in a list, and so are those that
 * are passed on to the guest. A call whose client has gone is forgotten here.
 */

/** shim_of(), shim_of_process() - the shim that serves a call, or has a process */
struct shim *shim_of(const struct ttrpc_call *call);
struct shim *shim_of_process(const struct process *process);

/** shim_why_ended() - why there is no VM: the failure's text, or that somebody wanted the end */
const char *shim_why_ended(const struct shim *shim);

/** calls_keep() - until the process reports: the one call that it has under way */
void calls_keep(struct process *process, struct ttrpc_call *call);

/** calls_kept() - take it back. Return: NULL: none, or its client has gone. */
struct ttrpc_call *calls_kept(struct process *process);

/** calls_wait() - answer a Wait when the process is STOPPED, which may be now */
void calls_wait(struct ttrpc_call *call, struct process *process);

/** calls_waited_for() - does anybody wait for it? */
bool calls_waited_for(const struct shim *shim, const struct process *process);

/** calls_answer_waiters() - tell how it ended */
void calls_answer_waiters(struct shim *shim, const struct process *process);

/** calls_fail_waiters() - it never ran: that is NOT_FOUND */
void calls_fail_waiters(struct shim *shim, const struct process *process, const char *message);

/** calls_forward() - pass a call on to the guest, as the bytes it came in */
void calls_forward(struct ttrpc_call *call);

/**
 * calls_forward_or_end() - the same of SIGKILL: if the guest does not answer, its VM ends, which is an answer
 *
 * Return: false: the guest is not asked, and @call is answered.
 */
bool calls_forward_or_end(struct ttrpc_call *call);

/** calls_forward_patiently() - the same, of what may take as long as its client likes */
void calls_forward_patiently(struct ttrpc_call *call);

/**
 * calls_forward_as() - ask the guest's Task service for something on behalf of a call
 * @method: of that service
 * @payload, @len: not needed once this returns
 * @reply: makes the reply of the guest's answer, which is OK; NULL: that is the reply
 */
void calls_forward_as(struct ttrpc_call *call, const char *method, const void *payload, size_t len,
		      void (*reply)(struct ttrpc_call *call, const struct ttrpc_answer *answer));

/**
 * calls_forward_briefly() - the same of what its client asks many VMs for, one after the other
 *
 * A guest that is slow costs it little, and one that is silent nothing: DEADLINE_EXCEEDED after two seconds, and
 * UNAVAILABLE at once until the guest has answered that.
 */
void calls_forward_briefly(struct ttrpc_call *call, const char *method,
			   void (*reply)(struct ttrpc_call *call,
					 const struct ttrpc_answer *answer));

/** calls_fail_forwards() - the guest answers nothing that was passed on to it any more */
void calls_fail_forwards(struct shim *shim, enum ttrpc_code code, const char *message);

/** calls_lost() - the VM is gone: nobody else will answer what was passed on */
void calls_lost(struct shim *shim);
