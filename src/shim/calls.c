/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/calls.h"

#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "rpc/task.h"
#include "sandbox.pb-c.h"
#include "shim/lifeline.h"
#include "shim/save.h"
#include "task.pb-c.h"

struct waiter {
	struct list link;
	struct ttrpc_call *call;
	struct process *process;
};

/* What may cost its client more than that keeps it from others', who are asked after it. */
#define BRIEFLY (2 * NSEC_PER_SEC)

/* @call: NULL: it was told that this takes too long, and the guest has not answered yet */
struct forward {
	struct list link;
	struct ttrpc_request request;
	struct ttrpc_call *call;
	struct standby *standby;
	struct loop_timer patience;
	void (*reply)(struct ttrpc_call *call, const struct ttrpc_answer *answer);
	bool last;
};

static const char no_answer[] = "the guest does not answer: `caisson delete -f` ends its VM";

struct shim *shim_of(const struct ttrpc_call *call)
{
	return call->service->userdata;
}

struct shim *shim_of_process(const struct process *p)
{
	return p->container->sandbox->userdata;
}

const char *shim_why_ended(const struct shim *shim)
{
	const struct err *failure = &shim->sandbox.failure;

	return failure->code ? failure->text : "the virtual machine has ended";
}

/* Its client may vanish, the process goes on. */
static void kept_call_cancelled(struct ttrpc_call *call)
{
	struct process *p = call->userdata;

	p->userdata = NULL;
}

struct ttrpc_call *calls_kept(struct process *p)
{
	struct ttrpc_call *call = p->userdata;

	p->userdata = NULL;
	return call;
}

/* A guest that does not answer one of them does not keep the next from being asked for. */
void calls_keep(struct process *p, struct ttrpc_call *call)
{
	struct ttrpc_call *before = calls_kept(p);

	if (before)
		ttrpc_call_fail(before, TTRPC_ABORTED, "the guest was asked for something else");
	p->userdata = call;
	call->userdata = p;
	call->cancelled = kept_call_cancelled;
}

static void reply_task(const struct waiter *w)
{
	Containerd__Task__V2__WaitResponse response = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	rpc_timestamp(&w->process->exited_at, &at);
	response.exit_status = w->process->status;
	response.exited_at = &at;
	rpc_reply(w->call, &response.base);
}

static void reply_own(const struct shim *shim, const struct waiter *w)
{
	Caisson__Sandbox__V1__WaitResponse response = CAISSON__SANDBOX__V1__WAIT_RESPONSE__INIT;

	response.exit_status = w->process->status;
	if (w->process->lost && shim->sandbox.failure.code)
		response.failure = (char *)shim->sandbox.failure.text;
	rpc_reply(w->call, &response.base);
}

static void answer_wait(struct shim *shim, struct waiter *w)
{
	if (strcmp(w->call->service->name, SHIM_SERVICE) == 0)
		reply_own(shim, w);
	else
		reply_task(w);
	shim->waited |= w->process == shim->first.init;
	list_del(&w->link);
	free(w);
	shim_quit_when_told(shim);
}

void calls_fail_waiters(struct shim *shim, const struct process *p, const char *message)
{
	list_for_each_safe (it, &shim->waiters) {
		struct waiter *w = container_of(it, struct waiter, link);

		if (w->process != p)
			continue;
		ttrpc_call_fail(w->call, TTRPC_NOT_FOUND, "%s", message);
		list_del(&w->link);
		free(w);
	}
}

void calls_answer_waiters(struct shim *shim, const struct process *p)
{
	list_for_each_safe (it, &shim->waiters) {
		struct waiter *w = container_of(it, struct waiter, link);

		if (w->process == p)
			answer_wait(shim, w);
	}
}

static void waiter_cancelled(struct ttrpc_call *call)
{
	struct waiter *w = call->userdata;

	list_del(&w->link);
	free(w);
}

void calls_wait(struct ttrpc_call *call, struct process *p)
{
	struct shim *shim = shim_of_process(p);
	struct waiter *w;

	/* It will never be. */
	if (p->state == PROCESS_NONE && shim->sandbox.state == SANDBOX_ENDED) {
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "%s", shim_why_ended(shim));
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->call = call;
	w->process = p;
	call->userdata = w;
	call->cancelled = waiter_cancelled;
	list_append(&shim->waiters, &w->link);
	if (p->state == PROCESS_STOPPED)
		answer_wait(shim, w);
}

bool calls_waited_for(const struct shim *shim, const struct process *p)
{
	list_for_each (it, &shim->waiters)
		if (container_of(it, struct waiter, link)->process == p)
			return true;
	return false;
}

static void forward_free(struct forward *f)
{
	standby_leave(f->standby);
	loop_timer_stop(&f->patience);
	list_del(&f->link);
	free(f);
}

static void forward_cancelled(struct ttrpc_call *call)
{
	struct forward *f = call->userdata;

	ttrpc_request_cancel(&f->request);
	forward_free(f);
}

/* Who asks for that asks for nothing else before it is so, and has no other way to come to it. */
static void end_vm(struct forward *f)
{
	struct shim *shim = shim_of(f->call);

	rpc_reply_empty(f->call);
	forward_free(f);
	sandbox_give_up(&shim->sandbox);
}

static void answer_forward(struct forward *f, const struct ttrpc_answer *answer)
{
	if (answer->code == TTRPC_OK && f->reply)
		f->reply(f->call, answer);
	else if (answer->code == TTRPC_OK)
		ttrpc_call_reply(f->call, answer->payload, answer->payload_len);
	else if (answer->code == TTRPC_DEADLINE_EXCEEDED)
		ttrpc_call_fail(f->call, answer->code, "%s", no_answer);
	else
		ttrpc_call_fail(f->call, answer->code, "%s", answer->message);
}

static void forward_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct forward *f = container_of(req, struct forward, request);

	if (answer->code == TTRPC_DEADLINE_EXCEEDED && f->last) {
		end_vm(f);
		return;
	}
	if (f->call)
		answer_forward(f, answer);
	forward_free(f);
}

/* @method: of Task; NULL: what was called. Return: NULL: it was answered. */
static struct forward *
forward(struct ttrpc_call *call, const char *method, const void *payload, size_t len,
	uint64_t timeout, void (*reply)(struct ttrpc_call *call, const struct ttrpc_answer *answer))
{
	const char *service = call->service->name;
	struct shim *shim = shim_of(call);
	struct forward *f;
	int r = -ENOTCONN;

	if (!save_check(call))
		return NULL;
	if (method || strcmp(service, RPC_SERVICE_TASK_V2) == 0)
		service = RPC_SERVICE_TASK_V3;
	f = xcalloc(1, sizeof(*f));
	f->call = call;
	f->reply = reply;
	ttrpc_request_init(&f->request);
	loop_timer_init(&f->patience);
	list_init(&f->link);
	f->standby = &shim->sandbox.standby;
	standby_use(f->standby);
	if (shim->sandbox.guest)
		r = ttrpc_client_call(shim->sandbox.guest, &f->request, service,
				      method ? method : call->method->name, payload, len, timeout,
				      forward_answered);
	if (r < 0) {
		forward_free(f);
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "%s",
				shim->sandbox.state == SANDBOX_BOOTING
					? "the virtual machine is still booting"
					: shim_why_ended(shim));
		return NULL;
	}
	call->userdata = f;
	call->cancelled = forward_cancelled;
	list_append(&shim->forwards, &f->link);
	return f;
}

void calls_forward_as(struct ttrpc_call *call, const char *method, const void *payload, size_t len,
		      void (*reply)(struct ttrpc_call *call, const struct ttrpc_answer *answer))
{
	(void)forward(call, method, payload, len, PROCESS_GUEST_ANSWERS, reply);
}

static bool is_silent(const struct shim *shim)
{
	list_for_each (it, &shim->forwards)
		if (!container_of(it, struct forward, link)->call)
			return true;
	return false;
}

static void is_late(struct loop_timer *timer)
{
	struct forward *f = container_of(timer, struct forward, patience);
	struct ttrpc_call *call = take_ptr(f->call);

	ttrpc_call_fail(call, TTRPC_DEADLINE_EXCEEDED, "%s", no_answer);
}

void calls_forward_briefly(struct ttrpc_call *call, const char *method,
			   void (*reply)(struct ttrpc_call *call,
					 const struct ttrpc_answer *answer))
{
	struct loop *loop = shim_of(call)->loop;
	struct forward *f;

	if (is_silent(shim_of(call))) {
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "%s", no_answer);
		return;
	}
	f = forward(call, method, call->payload, call->payload_len, 0, reply);
	if (f)
		loop_timer_start(loop, &f->patience, loop_now(loop) + BRIEFLY, is_late);
}

void calls_forward(struct ttrpc_call *call)
{
	(void)forward(call, NULL, call->payload, call->payload_len, PROCESS_GUEST_ANSWERS, NULL);
}

void calls_forward_patiently(struct ttrpc_call *call)
{
	(void)forward(call, NULL, call->payload, call->payload_len, 0, NULL);
}

bool calls_forward_or_end(struct ttrpc_call *call)
{
	struct forward *f =
		forward(call, NULL, call->payload, call->payload_len, PROCESS_GUEST_ENDS, NULL);

	if (f)
		f->last = true;
	return f;
}

void calls_fail_forwards(struct shim *shim, enum ttrpc_code code, const char *message)
{
	list_for_each_safe (it, &shim->forwards) {
		struct forward *f = container_of(it, struct forward, link);

		ttrpc_request_cancel(&f->request);
		if (f->call)
			ttrpc_call_fail(f->call, code, "%s", message);
		forward_free(f);
	}
}

/* runc's words for a process; of files they would say that these are not there. */
static void fail_lost(struct shim *shim, struct ttrpc_call *call)
{
	if (str_starts(call->service->name, "containerd."))
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process already finished");
	else
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "%s", shim_why_ended(shim));
}

void calls_lost(struct shim *shim)
{
	list_for_each_safe (it, &shim->forwards) {
		struct forward *f = container_of(it, struct forward, link);

		if (f->call)
			fail_lost(shim, f->call);
		forward_free(f);
	}
}
