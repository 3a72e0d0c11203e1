/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/task/lifecycle.h"
#include "guest/task/process-io.h"
#include "guest/task/task-control.h"
#include "rpc/task.h"

/* Enough for any use of the list; a container with more has other worries. */
#define PIDS_MAX 4096

struct task *task_of(const struct ttrpc_call *call)
{
	return call->service->userdata;
}

struct process *task_find(struct ttrpc_call *call, const char *id, const char *exec_id)
{
	struct process *p = process_find(&task_of(call)->processes, id, exec_id);

	if (p)
		return p;
	process_not_found(call, id, exec_id);
	return NULL;
}

bool task_unpack(struct ttrpc_call *call, const Google__Protobuf__Any *any,
		 const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret)
{
	int r = rpc_any_unpack(any, type, ret);

	if (r == -ENODATA)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "the request has no %s", type->name);
	else if (r == -EPROTOTYPE)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "type not supported: %s",
				any->type_url);
	else if (r == -ENOMEM)
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory for %s", type->name);
	else if (r < 0)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "not valid: %s", type->name);
	return r == 0;
}

Google__Protobuf__Timestamp *task_timestamp(const struct process *process,
					    Google__Protobuf__Timestamp *ret)
{
	if (process->state != PROCESS_STOPPED)
		return NULL;
	google__protobuf__timestamp__init(ret);
	rpc_timestamp(&process->exited_at, ret);
	return ret;
}

void task_reply_exit(struct ttrpc_call *call, const struct process *process)
{
	Containerd__Task__V2__WaitResponse response = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	Google__Protobuf__Timestamp at;

	response.exit_status = process->exit_status;
	response.exited_at = task_timestamp(process, &at);
	rpc_reply(call, &response.base);
}

static void state(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StateRequest *request = (const void *)message;
	Containerd__Task__V2__StateResponse response = CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at;
	struct process *p = task_find(call, request->id, request->exec_id);

	if (!p)
		return;
	response.id = p->id;
	response.bundle = (char *)process_name(p, PROCESS_NAME_BUNDLE);
	response.pid = (uint32_t)p->pid;
	response.status = process_status(p->state);
	response.stdin_ = (char *)process_name(p, PROCESS_NAME_STDIN);
	response.stdout_ = (char *)process_name(p, PROCESS_NAME_STDOUT);
	response.stderr_ = (char *)process_name(p, PROCESS_NAME_STDERR);
	response.terminal = p->terminal;
	response.exit_status = p->exit_status;
	response.exited_at = task_timestamp(p, &at);
	if (process_is_exec(p))
		response.exec_id = p->id;
	rpc_reply(call, &response.base);
}

static void reply_pids(struct ttrpc_call *call, const pid_t *pids, size_t n)
{
	Containerd__Task__V2__PidsResponse response = CONTAINERD__TASK__V2__PIDS_RESPONSE__INIT;
	Containerd__V1__Types__ProcessInfo *infos = calloc(n + 1, sizeof(*infos));
	Containerd__V1__Types__ProcessInfo **list = calloc(n + 1, sizeof(*list));

	if (!infos || !list) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
	} else {
		for (size_t i = 0; i < n; i++) {
			containerd__v1__types__process_info__init(&infos[i]);
			infos[i].pid = (uint32_t)pids[i];
			list[i] = &infos[i];
		}
		response.n_processes = n;
		response.processes = list;
		rpc_reply(call, &response.base);
	}
	free(infos);
	free(list);
}

static void pids(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PidsRequest *request = (const void *)message;
	struct process *p = task_find(call, request->id, "");
	pid_t list[PIDS_MAX];
	int n = 0;

	if (!p || !process_check(call, p->state, PROCESS_OP_PIDS))
		return;
	if (p->pid > 0 && !p->reaped)
		n = p->executor->ops->pids(p->executor, p, list, PIDS_MAX);
	if (n < 0)
		ttrpc_call_fail(call, ttrpc_code_from_errno(n), "cannot list processes: %s",
				strerror(-n));
	else
		reply_pids(call, list, (size_t)n);
}

static void kill_process(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__KillRequest *request = (const void *)message;
	struct process *p = task_find(call, request->id, request->exec_id);
	int r;

	if (!p || !process_check(call, p->state, PROCESS_OP_KILL) ||
	    !process_check_kill(call, request))
		return;
	r = p->executor->ops->signal(p->executor, p, (int)request->signal, request->all);
	if (r == -ESRCH)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process already finished");
	else if (r < 0)
		ttrpc_call_fail(call, ttrpc_code_from_errno(r), "cannot send signal %u: %s",
				request->signal, strerror(-r));
	else
		rpc_reply_empty(call);
}

static void resize(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ResizePtyRequest *request = (const void *)message;
	struct process *p = task_find(call, request->id, request->exec_id);

	if (!p || !process_check(call, p->state, PROCESS_OP_RESIZE))
		return;
	process_io_resize(p, request->width, request->height);
	rpc_reply_empty(call);
}

static void close_io(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CloseIORequest *request = (const void *)message;
	struct process *p = task_find(call, request->id, request->exec_id);

	if (!p)
		return;
	if (request->stdin_)
		process_io_close_input(p);
	rpc_reply_empty(call);
}

static void wait_process(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__WaitRequest *request = (const void *)message;
	struct process *p = task_find(call, request->id, request->exec_id);

	if (!p)
		return;
	if (p->state == PROCESS_STOPPED)
		task_reply_exit(call, p);
	else if (process_wait(p, call) < 0)
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "too many calls of Wait");
}

/* Callers connect to learn whether anyone is there: an unknown container is no error. */
static void connect_task(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ConnectRequest *request = (const void *)message;
	Containerd__Task__V2__ConnectResponse response =
		CONTAINERD__TASK__V2__CONNECT_RESPONSE__INIT;
	const struct process *p = process_find(&task_of(call)->processes, request->id, "");

	response.shim_pid = (uint32_t)getpid();
	response.task_pid = p ? (uint32_t)p->pid : 0;
	response.version = (char *)CAISSON_VERSION;
	rpc_reply(call, &response.base);
}

static void shutdown_vm(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ShutdownRequest *request = (const void *)message;
	struct task *task = task_of(call);

	/* The host means the whole VM and names none. */
	if (*request->id && !task_find(call, request->id, ""))
		return;
	rpc_reply_empty(call);
	task->shutdown(task, request->now);
}

static const struct ttrpc_method methods[] = {
	RPC_TASK("State", state, state),
	RPC_TASK("Create", create_task, lifecycle_create),
	RPC_TASK("Start", start, lifecycle_start),
	RPC_TASK("Delete", delete, lifecycle_delete),
	RPC_TASK("Pids", pids, pids),
	RPC_TASK_EMPTY("Kill", kill, kill_process),
	RPC_TASK_EMPTY("Exec", exec_process, lifecycle_exec),
	RPC_TASK_EMPTY("ResizePty", resize_pty, resize),
	RPC_METHOD("CloseIO", containerd__task__v2__close_iorequest, google__protobuf__empty,
		   close_io),
	RPC_TASK("Wait", wait, wait_process),
	RPC_TASK_EMPTY("Pause", pause, task_control_pause),
	RPC_TASK_EMPTY("Resume", resume, task_control_resume),
	RPC_TASK_EMPTY("Update", update_task, task_control_update),
	RPC_TASK("Stats", stats, task_control_stats),
	RPC_TASK_EMPTY("Checkpoint", checkpoint_task, lifecycle_checkpoint),
	RPC_TASK("Connect", connect, connect_task),
	RPC_TASK_EMPTY("Shutdown", shutdown, shutdown_vm),
	{.name = NULL},
};

void task_init(struct task *task)
{
	static const char *const names[] = {RPC_SERVICE_TASK_V2, RPC_SERVICE_TASK_V3};

	process_table_init(&task->processes, lifecycle_drained);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		task->services[i] = (struct ttrpc_service){
			.name = names[i], .methods = methods, .userdata = task};
	task->services[ARRAY_SIZE(names)].name = NULL;
}
