/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/save.h"

#include "rpc/task.h"
#include "sandbox/snapshot-check.h"
#include "shim/calls.h"
#include "shim/hold.h"
#include "task.pb-c.h"

#define SAVING "the container is being saved: try again in a while"

bool save_is_busy(const struct shim *shim)
{
	return shim->sandbox.snapshot.state != SNAPSHOT_IDLE;
}

bool save_check(struct ttrpc_call *call)
{
	bool busy = save_is_busy(shim_of(call));

	if (busy)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, SAVING);
	return !busy;
}

static void guest_is_deaf(struct snapshot *s)
{
	calls_fail_forwards(s->userdata, TTRPC_FAILED_PRECONDITION, SAVING);
}

static void saved(struct snapshot *s, const struct err *err)
{
	struct shim *shim = s->userdata;
	struct ttrpc_call *call = take_ptr(shim->saving);

	if (call && err->code == 0)
		rpc_reply_empty(call);
	else if (call)
		ttrpc_call_fail(call, ttrpc_code_from_errno(err->code), "%s", err->text);
}

static void gone_on(struct snapshot *s)
{
	struct shim *shim = s->userdata;
	bool let_go = shim->letting_go;

	shim->letting_go = false;
	if (let_go)
		hold_conn_closed(shim, shim->saver);
}

void save_init(struct shim *shim)
{
	struct snapshot *s = &shim->sandbox.snapshot;

	s->deaf = guest_is_deaf;
	s->saved = saved;
	s->gone_on = gone_on;
	s->userdata = shim;
}

static bool has_readers(const struct shim *shim, const struct process *p)
{
	return shim->stdio || p->input || *p->fifos[1] || *p->fifos[2];
}

static bool any_exec(const struct container *c)
{
	list_for_each (it, &c->execs)
		if (container_of(it, struct process, link)->state != PROCESS_STOPPED)
			return true;
	return false;
}

static const char *why_not(const struct shim *shim, const struct process *p, uint64_t conn)
{
	const struct {
		bool wrong;
		const char *why;
	} rules[] = {
		{!shim->sandbox.can_be_saved,
		 "its VMM takes no orders, as firecracker.api = false says"},
		{shim->sandbox.standby.asked || shim->sandbox.slots.busy,
		 "its VMM is just busy with something else: try again"},
		{has_readers(shim, p), "its output is somebody's: only one that was started by "
				       "`caisson run --detach` can"},
		{any_exec(p->container), "a command of `caisson exec` runs in it"},
		{p->state != PROCESS_PAUSED || !hold_is_alone(p->container, conn) ||
			 !list_empty(&shim->awake),
		 "it is paused, or others are at work in it"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].wrong)
			return rules[i].why;
	return NULL;
}

static void cancelled(struct ttrpc_call *call)
{
	((struct shim *)call->userdata)->saving = NULL;
}

void save_handle(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PauseRequest *request = (const void *)message;
	struct shim *shim = shim_of(call);
	struct process *p = shim_find(call, request->id, "");
	struct err err = ERR_NULL;
	const char *why;

	if (!p || !save_check(call))
		return;
	if (snapshot_check_spec(p->container->spec, &err) < 0) {
		ttrpc_call_fail(call, TTRPC_UNIMPLEMENTED, "%s", err.text);
		return;
	}
	why = why_not(shim, p, call->conn);
	if (why) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "container %s cannot be saved: %s",
				request->id, why);
		return;
	}
	shim->saving = call;
	shim->saver = call->conn;
	call->userdata = shim;
	call->cancelled = cancelled;
	snapshot_save(&shim->sandbox.snapshot, p);
}

bool save_let_go(struct shim *shim, uint64_t conn)
{
	if (!save_is_busy(shim) || shim->saver != conn)
		return false;
	if (!shim->letting_go) {
		shim->letting_go = true;
		snapshot_go_on(&shim->sandbox.snapshot);
	}
	return true;
}

void save_lost(struct shim *shim)
{
	struct ttrpc_call *call = take_ptr(shim->saving);

	if (call)
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "%s", shim_why_ended(shim));
}
