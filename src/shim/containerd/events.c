/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/events.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "events.pb-c.h"
#include "forward.pb-c.h"
#include "rpc/task.h"
#include "shim/calls.h"
#include "shim/containerd/containerd.h"
#include "shim/told.h"
#include "system.pb-c.h"

/* Nothing that we hear of is longer. */
#define GUEST_EVENT_MAX 4096

/* As often as that containerd is told that memory ran out, which a guest can say as fast as it likes; in nanoseconds. */
#define OOM_PAUSE NSEC_PER_SEC

/* A guest has something to say of the containers that are in it only, and nothing more than that. */
static void put_oom(struct containerd *containerd, const char *id)
{
	const struct container *c = container_find(containerd->sandbox, id);
	struct shim_container *own;
	Containerd__Events__TaskOOM event = CONTAINERD__EVENTS__TASK_OOM__INIT;
	uint64_t now;

	if (!c)
		return;
	own = shim_container_of(c);
	now = loop_now(containerd->sandbox->loop);
	if (own->oom_told > 0 && now - own->oom_told < OOM_PAUSE)
		return;
	own->oom_told = now;
	event.container_id = c->spec->id;
	publisher_put(&containerd->publisher, "/tasks/oom", &event.base);
}

/* containerd has no event for that, and Kubernetes none that we could make: the log has it, once, whatever the guest says. */
static void tell_given_up(struct containerd *containerd,
			  const Caisson__Guest__V1__Supervisor *supervisor)
{
	if (containerd->given_up ||
	    supervisor->state != CAISSON__GUEST__V1__SUPERVISOR__STATE__GIVEN_UP)
		return;
	containerd->given_up = true;
	log_warn("container %s: the supervisor of its VM was given up: `caisson state` says how it "
		 "has ended",
		 containerd->sandbox->spec->id);
}

/* Of the rest we hear by other ways, and in better order. */
static void guest_told(struct ttrpc_request *request, const uint8_t *data, size_t len)
{
	struct containerd *c = container_of(request, struct containerd, guest_events);
	const Containerd__Services__Events__Ttrpc__V1__Envelope *envelope;
	ProtobufCMessage *m, *event;

	if (len > GUEST_EVENT_MAX ||
	    rpc_unpack(&containerd__services__events__ttrpc__v1__envelope__descriptor, data, len,
		       &m) < 0)
		return;
	envelope = (const Containerd__Services__Events__Ttrpc__V1__Envelope *)m;
	if (rpc_any_unpack(envelope->event, &containerd__events__task_oom__descriptor, &event) ==
	    0) {
		put_oom(c, ((const Containerd__Events__TaskOOM *)event)->container_id);
		rpc_free(event);
	} else if (rpc_any_unpack(envelope->event, &caisson__guest__v1__supervisor__descriptor,
				  &event) == 0) {
		tell_given_up(c, (const void *)event);
		rpc_free(event);
	}
	rpc_free(m);
}

static void guest_tells_no_more(struct ttrpc_request *request _unused_,
				const struct ttrpc_answer *answer _unused_)
{
}

void events_follow_guest(struct shim *shim)
{
	const Google__Protobuf__Empty all = GOOGLE__PROTOBUF__EMPTY__INIT;

	if (!shim->containerd || !shim->sandbox.guest)
		return;
	shim->containerd->sandbox = &shim->sandbox;
	(void)rpc_stream(shim->sandbox.guest, &shim->containerd->guest_events, RPC_SERVICE_EVENTS,
			 "Stream", &all.base, guest_told, guest_tells_no_more);
}

static bool is_first(const struct process *p)
{
	return !*p->exec_id;
}

static void put(const struct process *p, const char *topic, const ProtobufCMessage *event)
{
	struct containerd *c = shim_of_process(p)->containerd;

	if (c)
		publisher_put(&c->publisher, topic, event);
}

void events_creating(struct container *c, const Containerd__Task__V2__CreateTaskRequest *request)
{
	struct shim_container *own = shim_container_of(c);
	Containerd__Events__TaskCreate event = CONTAINERD__EVENTS__TASK_CREATE__INIT;
	Containerd__Events__TaskIO io = CONTAINERD__EVENTS__TASK_IO__INIT;

	event.container_id = request->id;
	event.bundle = request->bundle;
	event.rootfs = request->rootfs;
	event.n_rootfs = request->n_rootfs;
	event.io = &io;
	io.stdin_ = request->stdin_;
	io.stdout_ = request->stdout_;
	io.stderr_ = request->stderr_;
	io.terminal = request->terminal;
	event.checkpoint = request->checkpoint;
	rpc_any_done(&own->creating);
	(void)rpc_any_pack(&event.base, &own->creating);
}

static void put_created(const struct process *p)
{
	struct containerd *containerd = shim_of_process(p)->containerd;
	struct shim_container *own = shim_container_of(p->container);
	ProtobufCMessage *m;

	if (!containerd ||
	    rpc_any_unpack(&own->creating, &containerd__events__task_create__descriptor, &m) < 0)
		return;
	((Containerd__Events__TaskCreate *)m)->pid = told_pid(p);
	publisher_put(&containerd->publisher, "/tasks/create", m);
	rpc_free(m);
	rpc_any_done(&own->creating);
}

static void put_added(const struct process *p)
{
	Containerd__Events__TaskExecAdded event = CONTAINERD__EVENTS__TASK_EXEC_ADDED__INIT;

	event.container_id = p->container->spec->id;
	event.exec_id = p->exec_id;
	put(p, "/tasks/exec-added", &event.base);
}

void events_created(const struct process *p)
{
	if (is_first(p))
		put_created(p);
	else
		put_added(p);
}

static void put_exec_started(const struct process *p)
{
	Containerd__Events__TaskExecStarted event = CONTAINERD__EVENTS__TASK_EXEC_STARTED__INIT;

	event.container_id = p->container->spec->id;
	event.exec_id = p->exec_id;
	event.pid = told_pid(p);
	put(p, "/tasks/exec-started", &event.base);
}

void events_started(const struct process *p)
{
	Containerd__Events__TaskStart event = CONTAINERD__EVENTS__TASK_START__INIT;

	if (!is_first(p)) {
		put_exec_started(p);
		return;
	}
	event.container_id = p->container->spec->id;
	event.pid = told_pid(p);
	put(p, "/tasks/start", &event.base);
}

void events_frozen(const struct process *p)
{
	Containerd__Events__TaskPaused paused = CONTAINERD__EVENTS__TASK_PAUSED__INIT;
	Containerd__Events__TaskResumed resumed = CONTAINERD__EVENTS__TASK_RESUMED__INIT;

	paused.container_id = resumed.container_id = p->container->spec->id;
	if (p->state == PROCESS_PAUSED)
		put(p, "/tasks/paused", &paused.base);
	else if (p->state == PROCESS_RUNNING)
		put(p, "/tasks/resumed", &resumed.base);
}

static void put_exit(const struct process *p)
{
	Containerd__Events__TaskExit event = CONTAINERD__EVENTS__TASK_EXIT__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	rpc_timestamp(&p->exited_at, &at);
	event.container_id = p->container->spec->id;
	event.id = is_first(p) ? event.container_id : p->exec_id;
	event.pid = told_pid(p);
	event.exit_status = p->status;
	event.exited_at = &at;
	put(p, "/tasks/exit", &event.base);
}

/* Those that were never started have nothing to tell. */
static bool execs_run(const struct container *c)
{
	list_for_each (it, &c->execs) {
		const struct process *p = container_of(it, struct process, link);

		if (p->state == PROCESS_RUNNING || p->state == PROCESS_STOPPING)
			return true;
	}
	return false;
}

void events_stopped(const struct process *p)
{
	const struct container *c = p->container;
	struct shim_container *own = shim_container_of(c);

	if (!shim_of_process(p)->containerd)
		return;
	own->exit_due |= is_first(p);
	if (!is_first(p))
		put_exit(p);
	if (own->exit_due && !execs_run(c)) {
		put_exit(c->init);
		own->exit_due = false;
	}
}

void events_deleted(const struct process *p)
{
	struct shim_container *own = shim_container_of(p->container);
	Containerd__Events__TaskDelete event = CONTAINERD__EVENTS__TASK_DELETE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	if (!shim_of_process(p)->containerd || !is_first(p))
		return;
	if (own->exit_due)
		put_exit(p);
	own->exit_due = false;
	rpc_timestamp(&p->exited_at, &at);
	event.container_id = p->container->spec->id;
	event.pid = told_pid(p);
	event.exit_status = p->status;
	event.exited_at = &at;
	put(p, "/tasks/delete", &event.base);
}
