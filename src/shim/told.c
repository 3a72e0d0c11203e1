/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/told.h"

#include <signal.h>

#include "base/log.h"
#include "rpc/task.h"
#include "sandbox/annotation.h"
#include "sandbox/volume.h"
#include "shim/calls.h"
#include "shim/containerd/events.h"
#include "shim/containerd/join.h"
#include "shim/containerd/pod.h"
#include "shim/containerd/runc-words.h"
#include "shim/hold.h"
#include "shim/terminal.h"
#include "task.pb-c.h"

void told_forget_exec(struct shim *shim, struct process *p)
{
	calls_fail_waiters(shim, p, "the exec was deleted");
	p->container->n_execs--;
	process_free(p);
}

uint32_t told_pid(const struct process *p)
{
	bool by_host = shim_of_process(p)->containerd || shim_container_joined(p->container);

	return by_host ? (uint32_t)shim_container_pid(p->container) : p->pid;
}

/* PAUSING, PAUSED and back. */
static void process_frozen(struct process *p, const struct process_result *result)
{
	struct ttrpc_call *call = calls_kept(p);

	if (result->code == TTRPC_OK && !pod_is_own(p))
		events_frozen(p);
	hold_frozen(p->container, result);
	if (call && result->code == TTRPC_OK)
		rpc_reply_empty(call);
	else if (call)
		ttrpc_call_fail(call, result->code, "%s", result->message);
}

bool shim_has_disks(const struct shim *shim)
{
	return volumes_disks(&shim->spec->volumes, shim->spec->volumes.n) > 0 ||
	       slots_filled(&shim->sandbox.slots);
}

/*
 * Of a bundle's folders the host has all that was written as soon as those who wrote it have ended: there is
 * no cache for that, and what was mapped goes back when it is unmapped (fuse_vma_close(), fs/fuse/file.c).
 */
static bool needs_writing_back(const struct sandbox_spec *spec)
{
	return !sandbox_spec_has_bundle(spec) || sandbox_spec_has_disks(spec) || spec->shares_pids;
}

/* What is removed anyway needs no writing back; but a supervisor is told that it is over, and disks stay. */
static bool ends_in_order(const struct shim *shim)
{
	return (!shim->spec->remove && needs_writing_back(shim->spec)) || shim_has_disks(shim) ||
	       strv_env_get(&shim->spec->annotations, ANNOTATION_EXTRAS) != NULL;
}

static void init_stopped(struct process *p)
{
	struct shim *shim = shim_of_process(p);
	struct container *c = p->container;

	/* One that ends before it is started has a status, too, but if nobody has seen it made. */
	c->started |= !p->lost || shim->let_go;
	if (shim_container_joined(c))
		join_ended(c);
	/* The record first: who hears of the end may ask for it at once. */
	if (!c->spec->remove && !shim->visit)
		(void)record_set_exit(c->record, (int)p->status,
				      p->lost ? shim_why_ended(shim) : NULL);
	events_stopped(p);
	calls_answer_waiters(shim, p);
	/* What others may be in ends when its first one is deleted. */
	if (!shim->sandbox.group)
		sandbox_stop(&shim->sandbox, ends_in_order(shim));
	pod_left(shim);
	shim_quit_when_told(shim);
	if (shim_container_of(c)->removing)
		told_remove(p);
}

static void exec_stopped(struct process *p)
{
	events_stopped(p);
	calls_answer_waiters(shim_of_process(p), p);
	shim_quit_when_told(shim_of_process(p));
}

static void reply_created(const struct process *p, struct ttrpc_call *call)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;

	response.pid = told_pid(p);
	if (call)
		rpc_reply(call, &response.base);
}

/* Its processes have ended, and what is left in the VM goes with that. Nobody waits for a guest that is slow, or lies. */
static void check_forgotten(const struct process *p, const struct process_result *result)
{
	if (result->code != TTRPC_OK)
		log_warn("container %s: its guest may not have forgotten it: %s",
			 p->container->spec->id, result->message);
}

static void joined_late(struct process *p, const struct process_result *result)
{
	struct shim *shim = shim_of_process(p);
	struct container *c = p->container;

	check_forgotten(p, result);
	join_leave(c);
	join_free(c);
	shim_quit_when_told(shim);
}

/* Nothing of it is left when that is told; but if the guest may be making it still. */
static void joined_not_created(struct process *p, const struct process_result *result)
{
	struct ttrpc_call *call = calls_kept(p);
	struct container *c = p->container;

	if (p->forgetting) {
		p->deleted = joined_late;
		c->deleted = true;
		if (call)
			runc_words_fail(call, p, result, false);
		calls_fail_waiters(shim_of_process(p), p, result->message);
		return;
	}
	join_leave(c);
	if (call)
		runc_words_fail(call, p, result, false);
	join_free(c);
}

/* It cannot be: nothing of it stays. */
static void give_up_joined(struct process *p, enum ttrpc_code code, const char *why)
{
	struct ttrpc_call *call = calls_kept(p);

	if (call)
		ttrpc_call_fail(call, code, "container %s: %s", p->container->spec->id, why);
	p->container->deleted = true;
	told_remove(p);
}

static void joined_created(struct process *p, const struct process_result *result)
{
	bool removing = shim_container_of(p->container)->removing;
	int r = 0;

	if (result->code != TTRPC_OK) {
		joined_not_created(p, result);
		return;
	}
	restarts_add(&shim_of_process(p)->restarts, &p->container->spec->annotations);
	if (!removing)
		r = join_stand(p->container);
	events_created(p);
	if (removing)
		give_up_joined(p, TTRPC_ABORTED, "it was removed meanwhile");
	else if (r < 0)
		told_joined_unseen(p);
}

static void init_created(struct process *p, const struct process_result *result)
{
	struct shim *shim = shim_of_process(p);
	struct ttrpc_call *call;

	/* Who visits it asks for no exit status. */
	shim->waited |= shim->visit;
	if (result->code == TTRPC_OK) {
		sandbox_phase(&shim->sandbox, SANDBOX_PHASE_CREATED);
		events_created(p);
		if (shim->ask_view)
			shim->ask_view(shim->keeper);
		else
			reply_created(p, calls_kept(p));
		network_apply_early(&shim->sandbox.network);
		return;
	}
	call = calls_kept(p);
	if (call)
		runc_words_fail(call, p, result, false);
	calls_fail_waiters(shim, p, result->message);
	/* Of a container that was never there containerd is told nothing more. */
	p->container->deleted = shim->containerd != NULL;
	sandbox_stop(&shim->sandbox, false);
}

/* It may have been killed meanwhile; or be on its way out, and another call waits for that. */
static bool awaits_view(const struct process *p)
{
	return p->state == PROCESS_CREATED || p->state == PROCESS_STOPPING ||
	       (p->state == PROCESS_STOPPED && !p->forgetting);
}

void told_seen(struct shim *shim)
{
	struct process *p = shim->first.init;

	if (pod_of(shim))
		pod_seen(shim);
	else if (p && awaits_view(p))
		reply_created(p, calls_kept(p));
}

void told_joined_seen(struct process *p)
{
	if (awaits_view(p))
		reply_created(p, calls_kept(p));
}

void told_joined_unseen(struct process *p)
{
	give_up_joined(p, TTRPC_INTERNAL, "no process of the host's can stand for it");
}

static void exec_created(struct process *p, const struct process_result *result)
{
	struct ttrpc_call *call = calls_kept(p);

	if (result->code == TTRPC_OK) {
		events_created(p);
		if (call)
			rpc_reply_empty(call);
		return;
	}
	if (call)
		runc_words_fail(call, p, result, false);
	told_forget_exec(shim_of_process(p), p);
}

static void process_not_run(struct process *p, const struct process_result *result)
{
	struct shim *shim = shim_of_process(p);
	struct ttrpc_call *call = calls_kept(p);
	bool first = p == p->container->init, may_run = p->state == PROCESS_RUNNING;

	/* Who hears of it sees that it is over. */
	if (first && !may_run && !p->container->spec->remove)
		(void)record_set_exit(p->container->record, PROCESS_STATUS_LOST, result->message);
	if (call)
		runc_words_fail(call, p, result, true);
	if (may_run) {
		process_signal(p, SIGKILL);
		return;
	}
	calls_fail_waiters(shim, p, result->message);
	if (first && !shim->sandbox.group)
		sandbox_stop(&shim->sandbox, false);
	if (first)
		pod_left(shim);
	if (first && shim_container_of(p->container)->removing)
		told_remove(p);
}

static void process_started(struct process *p, const struct process_result *result)
{
	struct shim *shim = shim_of_process(p);
	struct container *c = p->container;
	Containerd__Task__V2__StartResponse response = CONTAINERD__TASK__V2__START_RESPONSE__INIT;
	struct ttrpc_call *call;

	if (result->code != TTRPC_OK) {
		process_not_run(p, result);
		return;
	}
	call = calls_kept(p);
	if (p == c->init) {
		c->started = true;
		terminal_tell(shim);
		sandbox_phase(&shim->sandbox, SANDBOX_PHASE_STARTED);
	} else {
		latency_add(&shim->exec_starts, loop_now(shim->loop) - p->start_asked);
	}
	events_started(p);
	response.pid = told_pid(p);
	if (call)
		rpc_reply(call, &response.base);
}

static void reply_delete(struct ttrpc_call *call, const struct process *p)
{
	Containerd__Task__V2__DeleteResponse response = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	rpc_timestamp(&p->exited_at, &at);
	response.pid = told_pid(p);
	response.exit_status = p->status;
	response.exited_at = &at;
	rpc_reply(call, &response.base);
}

/* The container's process is kept for those that are still to be told; nobody can ask any more. */
static void forget_deleted(struct process *p)
{
	struct shim *shim = shim_of_process(p);

	if (p != p->container->init) {
		told_forget_exec(shim, p);
		shim_quit_when_told(shim);
		return;
	}
	events_deleted(p);
	p->container->deleted = shim->waited = true;
	sandbox_stop(&shim->sandbox, ends_in_order(shim));
	shim_quit_when_told(shim);
}

/* It never ran. A container without its process is nothing: the VM ends as well. */
static void process_deleted(struct process *p, const struct process_result *result)
{
	struct shim *shim = shim_of_process(p);
	struct ttrpc_call *call = calls_kept(p);

	if (call && result->code == TTRPC_OK)
		reply_delete(call, p);
	else if (call)
		ttrpc_call_fail(call, result->code, "%s", result->message);
	if (p == p->container->init) {
		events_stopped(p);
		calls_answer_waiters(shim, p);
		sandbox_stop(&shim->sandbox, false);
	}
	forget_deleted(p);
}

void told_deleted(struct ttrpc_call *call, struct process *p)
{
	reply_delete(call, p);
	forget_deleted(p);
}

static void joined_gone(struct process *p, const struct process_result *result)
{
	struct shim *shim = shim_of_process(p);
	struct ttrpc_call *call = calls_kept(p);

	check_forgotten(p, result);
	join_leave(p->container);
	/* Its client, who did not ask for that, still finds that it has ended, until it deletes it. */
	if (shim_container_of(p->container)->removing && !call && !p->container->deleted) {
		shim_quit_when_told(shim);
		return;
	}
	if (call)
		reply_delete(call, p);
	calls_answer_waiters(shim, p);
	events_deleted(p);
	join_free(p->container);
	shim_quit_when_told(shim);
}

/* It never ran, and may be there still: that can be tried again, or is forgotten if it is to be removed anyway. */
static void joined_deleted(struct process *p, const struct process_result *result)
{
	struct ttrpc_call *call;

	pod_left(shim_of_process(p));
	if (result->code == TTRPC_OK) {
		events_stopped(p);
		joined_gone(p, result);
		return;
	}
	call = calls_kept(p);
	if (call)
		ttrpc_call_fail(call, result->code, "%s", result->message);
	if (shim_container_of(p->container)->removing)
		told_remove(p);
}

void told_forget(struct ttrpc_call *call, struct process *p)
{
	p->deleted = joined_gone;
	calls_keep(p, call);
	process_forget(p);
}

void told_remove(struct process *p)
{
	shim_container_of(p->container)->removing = true;
	if (p->state == PROCESS_CREATED) {
		process_delete(p);
	} else if (p->state == PROCESS_STOPPED && !p->forgetting) {
		p->deleted = joined_gone;
		process_forget(p);
	} else {
		shim_task_signal(p, SIGKILL);
	}
}

static void told_of_joined(struct process *p)
{
	p->created = joined_created;
	p->started = process_started;
	p->deleted = joined_deleted;
	p->frozen = process_frozen;
	p->stopped = init_stopped;
}

void told_of_init(struct process *p)
{
	if (pod_is_own(p)) {
		pod_hear(p);
		p->frozen = process_frozen;
		return;
	}
	if (shim_container_joined(p->container)) {
		told_of_joined(p);
		return;
	}
	p->created = init_created;
	p->started = process_started;
	p->deleted = process_deleted;
	p->frozen = process_frozen;
	p->stopped = init_stopped;
}

void told_of_exec(struct process *p)
{
	p->created = exec_created;
	p->started = process_started;
	p->deleted = process_deleted;
	p->stopped = exec_stopped;
}
