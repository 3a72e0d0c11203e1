/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/lifecycle.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "guest/task/lifecycle-create.h"
#include "guest/task/process-io.h"
#include "guest/task/task-control.h"
#include "guest/task/task-events.h"
#include "rpc/task.h"
#include "task.pb-c.h"

/* The end of a process. */

void lifecycle_release(struct process *p)
{
	process_io_close(p);
	p->executor->ops->release(p->executor, p);
	if (!process_is_exec(p))
		cgroup_remove(&p->cgroup, task_with(p)->cgroups, p->id);
	process_free(p);
}

void lifecycle_drained(struct process *p)
{
	struct task *task = task_with(p);

	if (p->deleted)
		lifecycle_release(p);
	task->ended(task);
}

/* The host has forgotten it; but what it wrote still belongs to the host. */
static void forget(struct process *p)
{
	struct ttrpc_call *call;

	while ((call = process_take_waiter(p)))
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process %s was deleted", p->id);
	if ((call = process_take_call(p)))
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process %s was deleted", p->id);
	p->deleted = true;
	if (!process_io_busy(p))
		lifecycle_release(p);
}

static void forget_all(struct process *p)
{
	struct process_table *table = p->table;

	if (!process_is_exec(p))
		for (struct process *q = NULL; (q = process_next(table, q));)
			if (q != p && q->container == p && !q->deleted)
				forget(q);
	forget(p);
}

static void reply_delete(struct ttrpc_call *call, struct process *p)
{
	Containerd__Task__V2__DeleteResponse response = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at;

	response.pid = (uint32_t)p->pid;
	response.exit_status = p->exit_status;
	response.exited_at = task_timestamp(p, &at);
	task_event_deleted(task_with(p)->events, p);
	rpc_reply(call, &response.base);
}

/* An exec that never ran has not ended, to those who listen; a container's process was there. */
static bool was_seen(const struct process *p)
{
	return !process_is_exec(p) || p->state == PROCESS_RUNNING;
}

static void finish_delete(struct process *p)
{
	struct ttrpc_call *call = process_take_call(p);

	if (call)
		reply_delete(call, p);
	forget_all(p);
}

/* What the container leaves behind goes first. */
static void delete_stopped(struct process *p)
{
	const struct executor_ops *ops = p->executor->ops;
	struct ttrpc_call *call;
	int r = 0;

	if (!process_is_exec(p) && ops->remove) {
		/* Nobody may look at what is about to go. */
		cgroup_remove(&p->cgroup, task_with(p)->cgroups, p->id);
		r = ops->remove(p->executor, p);
		p->removing = r == 0;
	}
	if (p->removing)
		return;
	if (ttrpc_code_from_errno(r) != TTRPC_RESOURCE_EXHAUSTED)
		finish_delete(p);
	else if ((call = process_take_call(p)))
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "cannot delete it now: %s",
				strerror(-r));
}

static bool alive(const struct process *p)
{
	return p->pid > 0 && !p->reaped;
}

static struct process *next_exec(const struct process *container, const struct process *after)
{
	while ((after = process_next(container->table, after)))
		if (after != container && after->container == container)
			break;
	return (struct process *)after;
}

static bool any_exec_alive(const struct process *container)
{
	for (struct process *q = NULL; (q = next_exec(container, q));)
		if (alive(q) || q->state == PROCESS_STARTING)
			return true;
	return false;
}

static void stopped(struct process *p, uint32_t status);

/* Its first process has ended; it itself has when that is true of every exec, too. */
static void end_container(struct process *p)
{
	if (!p->ending || any_exec_alive(p))
		return;
	p->ending = false;
	stopped(p, p->exit_status);
}

static void stopped(struct process *p, uint32_t status)
{
	bool deleting = p->state == PROCESS_DELETING, seen = was_seen(p);
	struct process *container = p->container;
	struct ttrpc_call *call;

	p->state = PROCESS_STOPPED;
	p->exit_status = status;
	(void)clock_gettime(CLOCK_REALTIME, &p->exited_at);
	process_io_finish(p);
	if (seen)
		task_event_exited(task_with(p)->events, p);
	while ((call = process_take_waiter(p)))
		task_reply_exit(call, p);
	if (deleting) {
		delete_stopped(p);
		return;
	}
	call = process_take_call(p);
	if (call)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process already finished");
	end_container(container);
}

/*
 * The kernel does that in a PID namespace, whose first process a container's is. A bundle may do
 * without one.
 */
static void kill_rest(struct process *p)
{
	if (!p->executor->ops->takes_bundles)
		return;
	if (p->cgroup.dir >= 0)
		(void)cgroup_write(&p->cgroup, "cgroup.kill", "1");
	for (struct process *q = NULL; (q = next_exec(p, q));)
		if (alive(q) || q->state == PROCESS_STARTING)
			(void)q->executor->ops->signal(q->executor, q, SIGKILL, false);
}

static void ended(struct process *p, uint32_t status)
{
	if (process_is_exec(p)) {
		stopped(p, status);
		return;
	}
	/* An empty group counts as frozen: that must not be told of one that has ended. */
	if (p->state == PROCESS_PAUSING || p->state == PROCESS_PAUSED) {
		(void)cgroup_thaw(&p->cgroup);
		p->state = PROCESS_RUNNING;
	}
	kill_rest(p);
	p->ending = true;
	p->exit_status = status;
	end_container(p);
}

/* One that has ended before its number was known here. */
static struct process *find_new(struct task *task, pid_t pid)
{
	for (struct process *p = NULL; (p = process_next(&task->processes, p));) {
		if (p->state != PROCESS_STARTING || !p->executor->ops->learn)
			continue;
		p->executor->ops->learn(p->executor, p);
		if (p->pid == pid)
			return p;
	}
	return NULL;
}

void lifecycle_reaped(struct task *task, pid_t pid, uint32_t status)
{
	struct process *p = process_find_pid(&task->processes, pid);

	if (!p)
		p = find_new(task, pid);
	if (p) {
		p->reaped = true;
		p->executor->ops->settle(p->executor, p);
		/* What was told just now may have been the end of it already. */
		if (p->state != PROCESS_NONE && p->state != PROCESS_STOPPED)
			ended(p, status);
	}
	/* One that was abandoned is nobody's by now, and may have been the last. */
	task->ended(task);
}

bool lifecycle_any_alive(struct task *task)
{
	for (struct process *p = NULL; (p = process_next(&task->processes, p));)
		if (alive(p))
			return true;
	return false;
}

bool lifecycle_any_output(struct task *task)
{
	for (struct process *p = NULL; (p = process_next(&task->processes, p));)
		if (process_io_busy(p))
			return true;
	return false;
}

void lifecycle_signal_all(struct task *task, int signo)
{
	for (struct process *p = NULL; (p = process_next(&task->processes, p));) {
		if (process_is_exec(p) || !alive(p))
			continue;
		/* What is frozen could not do as it is told. */
		if (p->cgroup.dir >= 0 && p->state != PROCESS_RUNNING)
			(void)cgroup_thaw(&p->cgroup);
		if (p->executor->ops->signal(p->executor, p, signo, true) < 0)
			log_warn("%s: cannot send signal %d to all", p->id, signo);
	}
}

/* What the executor tells. */

static void prepared(struct process *p)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	struct ttrpc_call *call = process_take_call(p);

	p->state = PROCESS_CREATED;
	response.pid = (uint32_t)p->pid;
	task_event_created(task_with(p)->events, p);
	if (call)
		rpc_reply(call, &response.base);
	task_control_watch(p);
}

static void terminal(struct process *p, int master)
{
	int r = process_io_terminal(p, task_with(p)->loop, master, p->executor->ops->takes_bundles);

	if (r < 0) {
		log_warn("%s: cannot use the terminal: %s", p->id, strerror(-r));
		process_io_close(p);
	}
}

static void started(struct process *p)
{
	Containerd__Task__V2__StartResponse response = CONTAINERD__TASK__V2__START_RESPONSE__INIT;
	struct ttrpc_call *call = process_take_call(p);

	process_io_unmute(p, task_with(p)->loop);
	p->state = PROCESS_RUNNING;
	response.pid = (uint32_t)p->pid;
	task_event_started(task_with(p)->events, p);
	if (call)
		rpc_reply(call, &response.base);
}

/* It may still be on its way out; from here on it is an orphan to be reaped like any other. */
static void abandon(struct process *p)
{
	if (alive(p))
		(void)kill(p->pid, SIGKILL);
	p->reaped = true;
	p->executor->ops->release(p->executor, p);
}

/* The statuses that shells and container engines give a command that cannot be executed. */
static uint32_t failure_status(enum ttrpc_code code)
{
	return code == TTRPC_NOT_FOUND ? 127 : 126;
}

static void failed(struct process *p, enum ttrpc_code code, const char *text)
{
	struct ttrpc_call *call = process_take_call(p);
	bool creating = p->state == PROCESS_CREATING;

	abandon(p);
	if (call)
		ttrpc_call_fail(call, code, "%s", text);
	if (creating) {
		process_io_close(p);
		forget_all(p);
	} else {
		stopped(p, failure_status(code));
	}
}

const struct executor_events lifecycle_events = {
	.prepared = prepared,
	.terminal = terminal,
	.started = started,
	.failed = failed,
	.removed = finish_delete,
};

/* What the host asks for. A function that returns false has answered the call. */

static bool start_exec(struct ttrpc_call *call, struct process *p)
{
	const struct executor_request what = {.spec = p->spec, .spec_len = p->spec_len};
	bool ok;

	if (!process_check(call, p->container->state, PROCESS_OP_EXEC))
		return false;
	ok = lifecycle_spawn(call, p, &what, p->executor->ops->exec);
	process_drop_spec(p);
	/* It had its chance: its streams are used up. */
	if (!ok)
		stopped(p, failure_status(TTRPC_UNKNOWN));
	return ok;
}

static bool start_first(struct ttrpc_call *call, struct process *p)
{
	int r = p->executor->ops->start(p->executor, p);

	if (r < 0)
		return lifecycle_fail(call, ttrpc_code_or(r, TTRPC_FAILED_PRECONDITION),
				      "cannot start the process: ", strerror(-r));
	return true;
}

void lifecycle_start(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StartRequest *request = (const void *)message;
	struct process *p = task_find(call, request->id, request->exec_id);

	if (!p || !process_check(call, p->state, PROCESS_OP_START))
		return;
	if (process_is_exec(p) ? !start_exec(call, p) : !start_first(call, p))
		return;
	p->state = PROCESS_STARTING;
	process_keep_call(p, call);
}

void lifecycle_delete(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__DeleteRequest *request = (const void *)message;
	struct process *p = task_find(call, request->id, request->exec_id);

	if (!p || !process_check(call, p->state, PROCESS_OP_DELETE))
		return;
	if (p->state == PROCESS_CREATED) {
		/* Made but never started: its end comes first. */
		(void)p->executor->ops->signal(p->executor, p, SIGKILL, true);
		p->state = PROCESS_DELETING;
		process_keep_call(p, call);
		return;
	}
	if (p->removing) {
		lifecycle_fail(call, TTRPC_FAILED_PRECONDITION,
			       "cannot delete a process that is being deleted", "");
		return;
	}
	process_keep_call(p, call);
	delete_stopped(p);
}
