/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/process.h"

#include <string.h>

#include "abi/abi.h"

#define SIGNAL_MAX 64

struct rule {
	enum ttrpc_code code;
	const char *text;
};

#define ALLOW                  \
	{                      \
		TTRPC_OK, NULL \
	}
#define REFUSE(text)                            \
	{                                       \
		TTRPC_FAILED_PRECONDITION, text \
	}
#define FINISHED                                            \
	{                                                   \
		TTRPC_NOT_FOUND, "process already finished" \
	}

/* The texts are those that callers of containerd's shims look for. */
static const struct rule rules[PROCESS_OP_MAX_][PROCESS_STATE_MAX_] = {
	[PROCESS_OP_START] =
		{
			[PROCESS_NONE] = REFUSE("cannot start a process that is being created"),
			[PROCESS_CREATING] = REFUSE("cannot start a process that is being created"),
			[PROCESS_ADDED] = ALLOW,
			[PROCESS_CREATED] = ALLOW,
			[PROCESS_STARTING] = REFUSE("cannot start a process that is being started"),
			[PROCESS_RUNNING] = REFUSE("cannot start a running process"),
			[PROCESS_PAUSING] = REFUSE("cannot start a paused process"),
			[PROCESS_PAUSED] = REFUSE("cannot start a paused process"),
			[PROCESS_DELETING] = REFUSE("cannot start a process that is being deleted"),
			[PROCESS_STOPPING] = REFUSE("cannot start a stopped process"),
			[PROCESS_STOPPED] = REFUSE("cannot start a stopped process"),
		},
	[PROCESS_OP_DELETE] =
		{
			[PROCESS_NONE] = REFUSE("cannot delete a process that is being created"),
			[PROCESS_CREATING] =
				REFUSE("cannot delete a process that is being created"),
			[PROCESS_ADDED] = ALLOW,
			[PROCESS_CREATED] = ALLOW,
			[PROCESS_STARTING] =
				REFUSE("cannot delete a process that is being started"),
			[PROCESS_RUNNING] = REFUSE("cannot delete a running process"),
			[PROCESS_PAUSING] = REFUSE("cannot delete a paused process"),
			[PROCESS_PAUSED] = REFUSE("cannot delete a paused process"),
			[PROCESS_DELETING] =
				REFUSE("cannot delete a process that is being deleted"),
			/* State calls it running as well: its output is still to come. */
			[PROCESS_STOPPING] = REFUSE("cannot delete a running process"),
			[PROCESS_STOPPED] = ALLOW,
		},
	[PROCESS_OP_KILL] =
		{
			/* The answer is that there is no guest yet to pass it on to. */
			[PROCESS_NONE] = ALLOW,
			[PROCESS_CREATING] = REFUSE("process not created"),
			[PROCESS_ADDED] = REFUSE("process not created"),
			[PROCESS_CREATED] = ALLOW,
			[PROCESS_STARTING] = ALLOW,
			[PROCESS_RUNNING] = ALLOW,
			[PROCESS_PAUSING] = ALLOW,
			[PROCESS_PAUSED] = ALLOW,
			[PROCESS_DELETING] = ALLOW,
			[PROCESS_STOPPING] = FINISHED,
			[PROCESS_STOPPED] = FINISHED,
		},
	[PROCESS_OP_EXEC] =
		{
			[PROCESS_NONE] = REFUSE("container not created"),
			[PROCESS_CREATING] = REFUSE("container not created"),
			[PROCESS_ADDED] = REFUSE("container not created"),
			[PROCESS_CREATED] = ALLOW,
			[PROCESS_STARTING] = ALLOW,
			[PROCESS_RUNNING] = ALLOW,
			[PROCESS_PAUSING] = REFUSE("cannot exec in a paused container"),
			[PROCESS_PAUSED] = REFUSE("cannot exec in a paused container"),
			[PROCESS_DELETING] =
				REFUSE("cannot exec in a container that is being deleted"),
			[PROCESS_STOPPING] = REFUSE("cannot exec in a stopped container"),
			[PROCESS_STOPPED] = REFUSE("cannot exec in a stopped container"),
		},
	[PROCESS_OP_RESIZE] =
		{
			/* As for Kill. */
			[PROCESS_NONE] = ALLOW,
			[PROCESS_CREATING] = ALLOW,
			[PROCESS_ADDED] = ALLOW,
			[PROCESS_CREATED] = ALLOW,
			[PROCESS_STARTING] = ALLOW,
			[PROCESS_RUNNING] = ALLOW,
			[PROCESS_PAUSING] = ALLOW,
			[PROCESS_PAUSED] = ALLOW,
			[PROCESS_DELETING] = ALLOW,
			[PROCESS_STOPPING] = REFUSE("cannot resize a stopped container"),
			[PROCESS_STOPPED] = REFUSE("cannot resize a stopped container"),
		},
	[PROCESS_OP_PIDS] =
		{
			/* As for Kill. */
			[PROCESS_NONE] = ALLOW,
			[PROCESS_CREATING] = ALLOW,
			[PROCESS_ADDED] = ALLOW,
			[PROCESS_CREATED] = ALLOW,
			[PROCESS_STARTING] = ALLOW,
			[PROCESS_RUNNING] = ALLOW,
			[PROCESS_PAUSING] = ALLOW,
			[PROCESS_PAUSED] = ALLOW,
			[PROCESS_DELETING] = ALLOW,
			[PROCESS_STOPPING] = FINISHED,
			[PROCESS_STOPPED] = FINISHED,
		},
	[PROCESS_OP_PAUSE] =
		{
			[PROCESS_NONE] = REFUSE("container not created"),
			[PROCESS_CREATING] = REFUSE("container not created"),
			[PROCESS_ADDED] = REFUSE("container not created"),
			[PROCESS_CREATED] = REFUSE("cannot pause a container that was not started"),
			[PROCESS_STARTING] =
				REFUSE("cannot pause a container that is being started"),
			[PROCESS_RUNNING] = ALLOW,
			[PROCESS_PAUSING] = REFUSE("cannot pause a container that is being paused"),
			[PROCESS_PAUSED] = REFUSE("cannot pause a paused container"),
			[PROCESS_DELETING] =
				REFUSE("cannot pause a container that is being deleted"),
			[PROCESS_STOPPING] = REFUSE("cannot pause a stopped container"),
			[PROCESS_STOPPED] = REFUSE("cannot pause a stopped container"),
		},
	[PROCESS_OP_RESUME] =
		{
			[PROCESS_NONE] = REFUSE("container not created"),
			[PROCESS_CREATING] = REFUSE("container not created"),
			[PROCESS_ADDED] = REFUSE("container not created"),
			[PROCESS_CREATED] = REFUSE("container not paused"),
			[PROCESS_STARTING] = REFUSE("container not paused"),
			[PROCESS_RUNNING] = REFUSE("container not paused"),
			[PROCESS_PAUSING] = ALLOW,
			[PROCESS_PAUSED] = ALLOW,
			[PROCESS_DELETING] = REFUSE("container not paused"),
			[PROCESS_STOPPING] = REFUSE("container not paused"),
			[PROCESS_STOPPED] = REFUSE("container not paused"),
		},
	[PROCESS_OP_UPDATE] =
		{
			[PROCESS_NONE] = REFUSE("container not created"),
			[PROCESS_CREATING] = REFUSE("container not created"),
			[PROCESS_ADDED] = REFUSE("container not created"),
			[PROCESS_CREATED] = ALLOW,
			[PROCESS_STARTING] = ALLOW,
			[PROCESS_RUNNING] = ALLOW,
			[PROCESS_PAUSING] = ALLOW,
			[PROCESS_PAUSED] = ALLOW,
			[PROCESS_DELETING] =
				REFUSE("cannot update a container that is being deleted"),
			[PROCESS_STOPPING] = REFUSE("cannot update a stopped container"),
			[PROCESS_STOPPED] = REFUSE("cannot update a stopped container"),
		},
	[PROCESS_OP_STATS] =
		{
			[PROCESS_NONE] = REFUSE("container not created"),
			[PROCESS_CREATING] = REFUSE("container not created"),
			[PROCESS_ADDED] = REFUSE("container not created"),
			[PROCESS_CREATED] = ALLOW,
			[PROCESS_STARTING] = ALLOW,
			[PROCESS_RUNNING] = ALLOW,
			[PROCESS_PAUSING] = ALLOW,
			[PROCESS_PAUSED] = ALLOW,
			[PROCESS_DELETING] = ALLOW,
			[PROCESS_STOPPING] = FINISHED,
			[PROCESS_STOPPED] = FINISHED,
		},
};

enum ttrpc_code process_allows(enum process_state state, enum process_op op, const char **ret_text)
{
	const struct rule *rule = &rules[op][state];

	*ret_text = rule->text;
	return rule->code;
}

bool process_check(struct ttrpc_call *call, enum process_state state, enum process_op op)
{
	const char *text;
	enum ttrpc_code code = process_allows(state, op, &text);

	if (code != TTRPC_OK)
		ttrpc_call_fail(call, code, "%s", text);
	return code == TTRPC_OK;
}

bool process_check_kill(struct ttrpc_call *call, const Containerd__Task__V2__KillRequest *request)
{
	if (request->signal > SIGNAL_MAX)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "signal: there is no signal %u",
				request->signal);
	else if (request->all && *request->exec_id)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT,
				"all: an exec is one process, not all of a container's");
	else
		return true;
	return false;
}

Containerd__V1__Types__Status process_status(enum process_state state)
{
	static const Containerd__V1__Types__Status statuses[PROCESS_STATE_MAX_] = {
		[PROCESS_NONE] = CONTAINERD__V1__TYPES__STATUS__UNKNOWN,
		[PROCESS_CREATING] = CONTAINERD__V1__TYPES__STATUS__UNKNOWN,
		[PROCESS_ADDED] = CONTAINERD__V1__TYPES__STATUS__CREATED,
		[PROCESS_CREATED] = CONTAINERD__V1__TYPES__STATUS__CREATED,
		[PROCESS_STARTING] = CONTAINERD__V1__TYPES__STATUS__CREATED,
		[PROCESS_RUNNING] = CONTAINERD__V1__TYPES__STATUS__RUNNING,
		[PROCESS_PAUSING] = CONTAINERD__V1__TYPES__STATUS__PAUSING,
		[PROCESS_PAUSED] = CONTAINERD__V1__TYPES__STATUS__PAUSED,
		[PROCESS_DELETING] = CONTAINERD__V1__TYPES__STATUS__CREATED,
		[PROCESS_STOPPING] = CONTAINERD__V1__TYPES__STATUS__RUNNING,
		[PROCESS_STOPPED] = CONTAINERD__V1__TYPES__STATUS__STOPPED,
	};

	return statuses[state];
}

void process_not_found(struct ttrpc_call *call, const char *id, const char *exec_id)
{
	if (*exec_id)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process %s does not exist", exec_id);
	else
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "container %s does not exist", id);
}

bool process_id_valid(const char *id)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t begins = strspn(id, first), len;

	for (len = begins; id[len] && (strchr("_.-", id[len]) || strchr(first, id[len])); len++)
		;
	return begins > 0 && !id[len] && len <= ABI_ID_MAX;
}
