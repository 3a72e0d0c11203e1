/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/task-control.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "guest/task/resources.h"
#include "guest/task/stats.h"
#include "guest/task/task-events.h"
#include "rpc/task.h"

#define TEXT_MAX 256

static void oom(struct cgroup *cgroup)
{
	struct process *p = container_of(cgroup, struct process, cgroup);

	log_warn("%s: memory ran out, and the kernel has killed a process", p->id);
	task_event_oom(task_with(p)->events, p);
}

static void frozen(struct cgroup *cgroup)
{
	struct process *p = container_of(cgroup, struct process, cgroup);
	struct ttrpc_call *call = process_take_call(p);

	p->state = PROCESS_PAUSED;
	task_event_paused(task_with(p)->events, p);
	if (call)
		rpc_reply_empty(call);
}

static bool apply(struct ttrpc_call *call, const struct process *p,
		  const Caisson__Guest__V1__Resources *resources)
{
	char text[TEXT_MAX];
	enum ttrpc_code code = resources_apply(&p->cgroup, resources, text, sizeof(text));

	if (code != TTRPC_OK)
		ttrpc_call_fail(call, code, "%s", text);
	return code == TTRPC_OK;
}

bool task_control_make(struct ttrpc_call *call, struct process *p,
		       const Caisson__Guest__V1__Resources *resources)
{
	struct task *task = task_of(call);
	/* crun finds the group of its container by the name. */
	int r = cgroup_make(&p->cgroup, task->cgroups, p->id, p->executor == task->bundles);

	p->cgroup.frozen = frozen;
	p->cgroup.oom = oom;
	/* A kernel that has none still runs containers, if nobody wants to limit them. */
	if (r == -ENODEV && (!resources || resources->n_settings == 0))
		return true;
	if (r == -EEXIST)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION,
				"an earlier container called %s still has processes", p->id);
	else if (r < 0)
		ttrpc_call_fail(call, ttrpc_code_or(r, TTRPC_FAILED_PRECONDITION),
				"cannot make the container's control group: %s", strerror(-r));
	return r == 0 && (!resources || apply(call, p, resources));
}

void task_control_watch(struct process *p)
{
	int r = p->cgroup.dir < 0 ? 0 : cgroup_watch(&p->cgroup, task_with(p)->loop);

	if (r < 0)
		log_warn("%s: cannot watch its memory: %s", p->id, strerror(-r));
}

/* The container a request is about, if it is in a state for it and has a control group. */
static struct process *find(struct ttrpc_call *call, const char *id, enum process_op op)
{
	struct process *p = task_find(call, id, "");

	if (!p || !process_check(call, p->state, op))
		return NULL;
	if (p->cgroup.dir >= 0)
		return p;
	ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "the guest's kernel has no control groups");
	return NULL;
}

static void fail(struct ttrpc_call *call, int r, const char *what)
{
	ttrpc_call_fail(call, ttrpc_code_from_errno(r), "cannot %s the container: %s", what,
			strerror(-r));
}

void task_control_pause(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PauseRequest *request = (const void *)message;
	struct process *p = find(call, request->id, PROCESS_OP_PAUSE);
	int r;

	if (!p)
		return;
	r = cgroup_freeze(&p->cgroup, task_of(call)->loop);
	if (r < 0) {
		fail(call, r, "pause");
		return;
	}
	p->state = PROCESS_PAUSING;
	process_keep_call(p, call);
}

void task_control_resume(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ResumeRequest *request = (const void *)message;
	struct process *p = find(call, request->id, PROCESS_OP_RESUME);
	struct ttrpc_call *pausing;
	int r;

	if (!p)
		return;
	r = cgroup_thaw(&p->cgroup);
	if (r < 0) {
		fail(call, r, "resume");
		return;
	}
	pausing = process_take_call(p);
	if (pausing)
		ttrpc_call_fail(pausing, TTRPC_ABORTED, "the container was resumed meanwhile");
	if (p->state == PROCESS_PAUSED)
		task_event_resumed(task_of(call)->events, p);
	p->state = PROCESS_RUNNING;
	p->resumed_at = loop_now(task_of(call)->loop);
	rpc_reply_empty(call);
}

void task_control_update(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__UpdateTaskRequest *request = (const void *)message;
	struct process *p = find(call, request->id, PROCESS_OP_UPDATE);
	ProtobufCMessage *resources;

	if (!p || !task_unpack(call, request->resources, &caisson__guest__v1__resources__descriptor,
			       &resources))
		return;
	if (apply(call, p, (const Caisson__Guest__V1__Resources *)resources))
		rpc_reply_empty(call);
	rpc_free(resources);
}

void task_control_stats(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StatsRequest *request = (const void *)message;
	Containerd__Task__V2__StatsResponse response = CONTAINERD__TASK__V2__STATS_RESPONSE__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct process *p = find(call, request->id, PROCESS_OP_STATS);
	struct stats stats;
	int r;

	if (!p)
		return;
	r = stats_read(&p->cgroup, &stats);
	if (r == 0)
		r = rpc_any_pack(&stats.metrics.base, &any);
	if (r < 0) {
		fail(call, r, "read the figures of");
		return;
	}
	response.stats = &any;
	rpc_reply(call, &response.base);
	rpc_any_done(&any);
}
