/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/task-events.h"

#include "events.pb-c.h"
#include "rpc/task.h"

static char *container_of_process(const struct process *p)
{
	return p->container->id;
}

void task_event_created(struct events *events, const struct process *p)
{
	Containerd__Events__TaskCreate event = CONTAINERD__EVENTS__TASK_CREATE__INIT;
	Containerd__Events__TaskIO io = CONTAINERD__EVENTS__TASK_IO__INIT;

	io.stdin_ = rpc_str(process_name(p, PROCESS_NAME_STDIN));
	io.stdout_ = rpc_str(process_name(p, PROCESS_NAME_STDOUT));
	io.stderr_ = rpc_str(process_name(p, PROCESS_NAME_STDERR));
	io.terminal = p->terminal;
	event.container_id = container_of_process(p);
	event.bundle = rpc_str(process_name(p, PROCESS_NAME_BUNDLE));
	event.io = &io;
	event.pid = (uint32_t)p->pid;
	events_publish(events, "/tasks/create", &event.base);
}

void task_event_exec_added(struct events *events, const struct process *p)
{
	Containerd__Events__TaskExecAdded event = CONTAINERD__EVENTS__TASK_EXEC_ADDED__INIT;

	event.container_id = container_of_process(p);
	event.exec_id = rpc_str(p->id);
	events_publish(events, "/tasks/exec-added", &event.base);
}

static void exec_started(struct events *events, const struct process *p)
{
	Containerd__Events__TaskExecStarted event = CONTAINERD__EVENTS__TASK_EXEC_STARTED__INIT;

	event.container_id = container_of_process(p);
	event.exec_id = rpc_str(p->id);
	event.pid = (uint32_t)p->pid;
	events_publish(events, "/tasks/exec-started", &event.base);
}

void task_event_started(struct events *events, const struct process *p)
{
	Containerd__Events__TaskStart event = CONTAINERD__EVENTS__TASK_START__INIT;

	if (process_is_exec(p)) {
		exec_started(events, p);
		return;
	}
	event.container_id = container_of_process(p);
	event.pid = (uint32_t)p->pid;
	events_publish(events, "/tasks/start", &event.base);
}

void task_event_exited(struct events *events, const struct process *p)
{
	Containerd__Events__TaskExit event = CONTAINERD__EVENTS__TASK_EXIT__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	rpc_timestamp(&p->exited_at, &at);
	event.container_id = container_of_process(p);
	/* The container's own name for its first process: that is how callers tell it from execs. */
	event.id = rpc_str(p->id);
	event.pid = (uint32_t)p->pid;
	event.exit_status = p->exit_status;
	event.exited_at = &at;
	events_publish(events, "/tasks/exit", &event.base);
}

void task_event_deleted(struct events *events, const struct process *p)
{
	Containerd__Events__TaskDelete event = CONTAINERD__EVENTS__TASK_DELETE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	if (process_is_exec(p))
		return;
	rpc_timestamp(&p->exited_at, &at);
	event.container_id = container_of_process(p);
	event.pid = (uint32_t)p->pid;
	event.exit_status = p->exit_status;
	event.exited_at = &at;
	events_publish(events, "/tasks/delete", &event.base);
}

void task_event_paused(struct events *events, const struct process *p)
{
	Containerd__Events__TaskPaused event = CONTAINERD__EVENTS__TASK_PAUSED__INIT;

	event.container_id = container_of_process(p);
	events_publish(events, "/tasks/paused", &event.base);
}

void task_event_resumed(struct events *events, const struct process *p)
{
	Containerd__Events__TaskResumed event = CONTAINERD__EVENTS__TASK_RESUMED__INIT;

	event.container_id = container_of_process(p);
	events_publish(events, "/tasks/resumed", &event.base);
}

void task_event_oom(struct events *events, const struct process *p)
{
	Containerd__Events__TaskOOM event = CONTAINERD__EVENTS__TASK_OOM__INIT;

	event.container_id = container_of_process(p);
	events_publish(events, "/tasks/oom", &event.base);
}
