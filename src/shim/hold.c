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

static void add(struct shim_container *own, struct ttrpc_call *call)
{
	struct holder *h = xcalloc(1, sizeof(*h));

	h->conn = call->conn;
	h->call = call;
	call->userdata = h;
	call->cancelled = cancelled;
	list_append(&own->holders, &h->link);
}

/* The one who is told when the container goes on. */
static void released_cancelled(struct ttrpc_call *call)
{
	struct shim_container *own = call->userdata;

	own->released = NULL;
}

static void keep(struct shim_container *own, struct ttrpc_call *call)
{
	call->userdata = own;
	call->cancelled = released_cancelled;
	own->released = call;
}

static bool holds(const struct shim_container *own, uint64_t conn)
{
	list_for_each (it, &own->holders)
		if (container_of(it, struct holder, link)->conn == conn)
			return true;
	return false;
}

bool hold_is_alone(const struct container *c, uint64_t conn)
{
	const struct shim_container *own = shim_container_of(c);

	list_for_each (it, &own->holders)
		if (container_of(it, struct holder, link)->conn != conn)
			return false;
	return !list_empty(&own->holders);
}

static void answer(struct shim_container *own)
{
	list_for_each (it, &own->holders) {
		struct holder *h = container_of(it, struct holder, link);

		if (h->call)
			rpc_reply_empty(h->call);
		h->call = NULL;
	}
}

static void hold(struct process *p, struct ttrpc_call *call)
{
	struct shim_container *own = shim_container_of(p->container);
	bool held = !list_empty(&own->holders);

	/* It goes on just now, because nobody held it any more, and is paused again after that. */
	if (own->resuming) {
		add(own, call);
	} else if (p->state == PROCESS_PAUSED) {
		if (held && !holds(own, call->conn))
			add(own, call);
		else
			rpc_reply_empty(call);
		answer(own);
	} else if (p->state == PROCESS_PAUSING && held) {
		add(own, call);
	} else if (process_check(call, p->state, PROCESS_OP_PAUSE)) {
		add(own, call);
		process_pause(p, false);
	}
}

void hold_handle(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PauseRequest *request = (const void *)message;
	struct process *p = shim_find(call, request->id, "");

	if (p && save_check(call))
		hold(p, call);
}

static void drop(struct shim_container *own, uint64_t conn)
{
	list_for_each_safe (it, &own->holders) {
		struct holder *h = container_of(it, struct holder, link);

		if (h->conn != conn)
			continue;
		list_del(&h->link);
		free(h);
	}
}

static void let_go(struct container *c, uint64_t conn)
{
	struct shim_container *own = shim_container_of(c);
	struct process *p = c->init;
	bool held = holds(own, conn);

	drop(own, conn);
	if (!held || !p || own->resuming || !list_empty(&own->holders))
		return;
	if (p->state == PROCESS_PAUSING || p->state == PROCESS_PAUSED) {
		own->resuming = true;
		process_resume(p);
	}
}

void hold_conn_closed(struct shim *shim, uint64_t conn)
{
	if (save_let_go(shim, conn))
		return;
	list_for_each (it, &shim->sandbox.containers)
		let_go(container_of(it, struct container, link), conn);
}

void hold_release(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PauseRequest *request = (const void *)message;
	struct shim *shim = shim_of(call);
	const struct process *p = shim_find(call, request->id, "");
	struct shim_container *own;

	if (!p)
		return;
	own = shim_container_of(p->container);
	if (!save_let_go(shim, call->conn))
		let_go(p->container, call->conn);
	if ((own->resuming || save_is_busy(shim)) && !own->released)
		keep(own, call);
	else
		rpc_reply_empty(call);
}

void hold_frozen(struct container *c, const struct process_result *result)
{
	struct shim_container *own = shim_container_of(c);
	const bool resumed = own->resuming;

	own->resuming = false;
	if (own->released)
		rpc_reply_empty(take_ptr(own->released));
	if (result->code != TTRPC_OK)
		hold_forget(c, result->code, result->message);
	else if (resumed && !list_empty(&own->holders) && c->init->state == PROCESS_RUNNING)
		process_pause(c->init, false);
	else
		answer(own);
}

void hold_forget(struct container *c, enum ttrpc_code code, const char *message)
{
	struct shim_container *own = shim_container_of(c);

	list_for_each_safe (it, &own->holders) {
		struct holder *h = container_of(it, struct holder, link);

		if (h->call)
			ttrpc_call_fail(h->call, code, "%s", message);
		list_del(&h->link);
		free(h);
	}
}

void hold_resumed(struct container *c, const char *message)
{
	hold_forget(c, TTRPC_ABORTED, message);
	shim_container_of(c)->resuming = false;
}

void hold_deleted(struct container *c)
{
	struct shim_container *own = shim_container_of(c);

	hold_forget(c, TTRPC_NOT_FOUND, "the container was deleted");
	if (own->released)
		rpc_reply_empty(take_ptr(own->released));
}
