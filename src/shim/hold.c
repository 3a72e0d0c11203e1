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

static void add(struct container *c, struct ttrpc_call *call)
{
	struct holder *h = xcalloc(1, sizeof(*h));

	h->conn = call->conn;
	h->call = call;
	call->userdata = h;
	call->cancelled = cancelled;
	list_append(&c->holders, &h->link);
}

/* The one who is told when the container goes on. */
static void released_cancelled(struct ttrpc_call *call)
{
	struct container *c = call->userdata;

	c->released = NULL;
}

static void keep(struct container *c, struct ttrpc_call *call)
{
	call->userdata = c;
	call->cancelled = released_cancelled;
	c->released = call;
}

static bool holds(const struct container *c, uint64_t conn)
{
	list_for_each (it, &c->holders)
		if (container_of(it, struct holder, link)->conn == conn)
			return true;
	return false;
}

bool hold_is_alone(const struct container *c, uint64_t conn)
{
	list_for_each (it, &c->holders)
		if (container_of(it, struct holder, link)->conn != conn)
			return false;
	return !list_empty(&c->holders);
}

static void answer(struct container *c)
{
	list_for_each (it, &c->holders) {
		struct holder *h = container_of(it, struct holder, link);

		if (h->call)
			rpc_reply_empty(h->call);
		h->call = NULL;
	}
}

static void hold(struct process *p, struct ttrpc_call *call)
{
	struct container *c = p->container;
	bool held = !list_empty(&c->holders);

	/* It goes on just now, because nobody held it any more, and is paused again after that. */
	if (c->resuming) {
		add(c, call);
	} else if (p->state == PROCESS_PAUSED) {
		if (held && !holds(c, call->conn))
			add(c, call);
		else
			rpc_reply_empty(call);
		answer(c);
	} else if (p->state == PROCESS_PAUSING && held) {
		add(c, call);
	} else if (process_check(call, p->state, PROCESS_OP_PAUSE)) {
		add(c, call);
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

static void drop(struct container *c, uint64_t conn)
{
	list_for_each_safe (it, &c->holders) {
		struct holder *h = container_of(it, struct holder, link);

		if (h->conn != conn)
			continue;
		list_del(&h->link);
		free(h);
	}
}

static void let_go(struct container *c, uint64_t conn)
{
	struct process *p = c->init;
	bool held = holds(c, conn);

	drop(c, conn);
	if (!held || !p || c->resuming || !list_empty(&c->holders))
		return;
	if (p->state == PROCESS_PAUSING || p->state == PROCESS_PAUSED) {
		c->resuming = true;
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

	if (!p)
		return;
	if (!save_let_go(shim, call->conn))
		let_go(p->container, call->conn);
	if ((p->container->resuming || save_is_busy(shim)) && !p->container->released)
		keep(p->container, call);
	else
		rpc_reply_empty(call);
}

void hold_frozen(struct container *c, const struct process_result *result)
{
	const bool resumed = c->resuming;

	c->resuming = false;
	if (c->released)
		rpc_reply_empty(take_ptr(c->released));
	if (result->code != TTRPC_OK)
		hold_forget(c, result->code, result->message);
	else if (resumed && !list_empty(&c->holders) && c->init->state == PROCESS_RUNNING)
		process_pause(c->init, false);
	else
		answer(c);
}

void hold_forget(struct container *c, enum ttrpc_code code, const char *message)
{
	list_for_each_safe (it, &c->holders) {
		struct holder *h = container_of(it, struct holder, link);

		if (h->call)
			ttrpc_call_fail(h->call, code, "%s", message);
		list_del(&h->link);
		free(h);
	}
}

void hold_deleted(struct container *c)
{
	hold_forget(c, TTRPC_NOT_FOUND, "the container was deleted");
	if (c->released)
		rpc_reply_empty(take_ptr(c->released));
}
