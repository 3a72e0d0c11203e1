/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "task.pb-c.h"
#include "ttrpc/server.h"

/*
 * The Task service is spoken twice: by the shim, to the world, and by vminitd, to the shim. What a
 * process goes through, and what may be asked of it when, is the same for both and written here
 * once.
 *
 *	      Create             Start               it ends
 *	NONE --> CREATING --> CREATED --> STARTING --> RUNNING --> STOPPING --> STOPPED
 *	  \                    |            /          |  ^                     |
 *	   `-----> ADDED ------+-----------'     Pause |  | Resume              | Delete
 *	     Exec              |                       v  |                     |
 *	                       |             PAUSING --> PAUSED --(it ends)     |
 *	                       `---> DELETING ----------------------------------+---> gone
 *	                     Delete
 */
enum process_state {
	PROCESS_NONE, /* a Create that waits for the guest to be up; in the guest, a free slot */
	PROCESS_CREATING, /* being set up */
	PROCESS_ADDED,	  /* an exec that has not been started: no process yet */
	PROCESS_CREATED,  /* a container set up, waiting for its start */
	PROCESS_STARTING, /* its program is being executed */
	PROCESS_RUNNING,
	PROCESS_PAUSING, /* a container whose processes are being stopped */
	PROCESS_PAUSED,
	PROCESS_DELETING, /* it was never started, and is being ended to be deleted */
	PROCESS_STOPPING, /* ended, but its output has not reached its user; for the shim only */
	PROCESS_STOPPED,
	PROCESS_STATE_MAX_,
};

/* What can be asked of a process; the rest can be asked at any time. */
enum process_op {
	PROCESS_OP_START,
	PROCESS_OP_DELETE,
	PROCESS_OP_KILL,
	PROCESS_OP_EXEC, /* another one in its container */
	PROCESS_OP_RESIZE,
	PROCESS_OP_PIDS,
	PROCESS_OP_PAUSE,
	PROCESS_OP_RESUME,
	PROCESS_OP_UPDATE,
	PROCESS_OP_STATS,
	PROCESS_OP_MAX_,
};

/**
 * process_allows() - may this be asked of a process in this state?
 * @ret_text: why not; a static string
 *
 * Return: TTRPC_OK, or the code to answer.
 */
enum ttrpc_code process_allows(enum process_state state, enum process_op op, const char **ret_text);

/** process_check() - the same; a refusal is answered. Return: false: @call is over. */
bool process_check(struct ttrpc_call *call, enum process_state state, enum process_op op);

/** process_check_kill() - can the request be met at all? If not, that is answered: false. */
bool process_check_kill(struct ttrpc_call *call, const Containerd__Task__V2__KillRequest *request);

/** process_status() - as State tells it */
Containerd__V1__Types__Status process_status(enum process_state state);

/** process_not_found() - answer that there is no such container, or no such exec in it */
void process_not_found(struct ttrpc_call *call, const char *id, const char *exec_id);

/**
 * process_id_valid() - may a container or an exec be called that?
 *
 * Letters, digits, "_", ".", "-", beginning with one of the first two; at most ABI_ID_MAX.
 */
bool process_id_valid(const char *id);
