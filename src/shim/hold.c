/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/hold.h"

#include "base/mem.h"
#include "rpc/task.h"
#include "shim/calls.h"
#include "shim/save.h"
#include "task.pb-c.h"

/* @call: not answered yet; NULL: it was, or its client has gone */
struct holder {
	struct list link;
	uint64_t conn;
	struct ttrpc_call *call;
};

static void cancelled(struct ttrpc_call *call)
{
	struct holder *h = call->userdata;

	h->call = NULL;
}

static void add(struct shim *shim, struct ttrpc_call *call)
{
	struct holder *h = xcalloc(1, sizeof(*h));

	h->conn = call->conn;
	h->call = call;
	call->userdata = h;
	call->cancelled = cancelled;
	list_append(&shim->holders, &h->link);
}

/* The one who is told when the container goes on. */
static void released_cancelled(struct ttrpc_call *call)
{
	struct shim *shim = call->userdata;

	shim->released = NULL;
}

static void keep(struct shim *shim, struct ttrpc_call *call)
{
	call->userdata = shim;
	call->cancelled = released_cancelled;
	shim->released = call;
}

static bool holds(const struct shim *shim, uint64_t conn)
{
	list_for_each (it, &shim->holders)
		if (container_of(it, struct holder, link)->conn == conn)
			return true;
	return false;
}

bool hold_is_alone(const struct shim *shim, uint64_t conn)
{
	list_for_each (it, &shim->holders)
		if (container_of(it, struct holder, link)->conn != conn)
			return false;
	return !list_empty(&shim->holders);
}

static void answer(struct shim *shim)
{
	list_for_each (it, &shim->holders) {
		struct holder *h = container_of(it, struct holder, link);

		if (h->call)
			rpc_reply_empty(h->call);
		h->call = NULL;
	}
}

void hold_handle(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PauseRequest *request = (const void *)message;
	struct process *p = shim_find(call, request->id, "");
	struct shim *shim = shim_of(call);
	bool held = !list_empty(&shim->holders);

	if (!p || !save_check(call))
		return;
	/* It goes on just now, because nobody held it any more, and is paused again after that. */
	if (shim->resuming) {
		add(shim, call);
	} else if (p->state == PROCESS_PAUSED) {
		if (held && !holds(shim, call->conn))
			add(shim, call);
		else
			rpc_reply_empty(call);
		answer(shim);
	} else if (p->state == PROCESS_PAUSING && held) {
		add(shim, call);
	} else if (process_check(call, p->state, PROCESS_OP_PAUSE)) {
		add(shim, call);
		process_pause(p, false);
	}
}

static void drop(struct shim *shim, uint64_t conn)
{
	list_for_each_safe (it, &shim->holders) {
		struct holder *h = container_of(it, struct holder, link);

		if (h->conn != conn)
			continue;
		list_del(&h->link);
		free(h);
	}
}

void hold_conn_closed(struct shim *shim, uint64_t conn)
{
	struct process *p = shim->init;
	bool held = holds(shim, conn);

	if (save_let_go(shim, conn))
		return;
	drop(shim, conn);
	if (!held || !p || shim->resuming || !list_empty(&shim->holders))
		return;
	if (p->state == PROCESS_PAUSING || p->state == PROCESS_PAUSED) {
		shim->resuming = true;
		process_resume(p);
	}
}

void hold_release(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PauseRequest *request = (const void *)message;
	struct shim *shim = shim_of(call);

	if (!shim_find(call, request->id, ""))
		return;
	hold_conn_closed(shim, call->conn);
	if ((shim->resuming || save_is_busy(shim)) && !shim->released)
		keep(shim, call);
	else
		rpc_reply_empty(call);
}

void hold_frozen(struct shim *shim, const struct process_result *result)
{
	const bool resumed = shim->resuming;

	shim->resuming = false;
	if (shim->released)
		rpc_reply_empty(take_ptr(shim->released));
	if (result->code != TTRPC_OK)
		hold_forget(shim, result->code, result->message);
	else if (resumed && !list_empty(&shim->holders) && shim->init->state == PROCESS_RUNNING)
		process_pause(shim->init, false);
	else
		answer(shim);
}

void hold_forget(struct shim *shim, enum ttrpc_code code, const char *message)
{
	list_for_each_safe (it, &shim->holders) {
		struct holder *h = container_of(it, struct holder, link);

		if (h->call)
			ttrpc_call_fail(h->call, code, "%s", message);
		list_del(&h->link);
		free(h);
	}
}
