/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/hollow.h"

#include <errno.h>
#include <signal.h>

#include "base/mem.h"
#include "sandbox/container.h"
#include "sandbox/oci-pause.h"
#include "sandbox/process.h"

void hollow_init(struct hollow *hollow)
{
	*hollow = (struct hollow){.inside = NULL};
	list_init(&hollow->waiters);
	list_init(&hollow->link);
}

bool hollow_is_one(const struct process *p)
{
	return p == p->container->init && sandbox_spec_is_hollow(p->container->spec);
}

bool hollow_is_empty(const struct process *p)
{
	const struct process *inside = p->container->hollow.inside;

	return hollow_is_one(p) && !(inside && inside->state == PROCESS_RUNNING);
}

static struct container *first_of(const struct container *c)
{
	return list_first(&c->sandbox->containers, struct container, link);
}

bool hollow_stop(struct process *p)
{
	p->container->hollow.stands = hollow_is_one(p) && !hollow_is_empty(p);
	return !hollow_is_one(p) || p->container->hollow.stands;
}

bool hollow_go_on(const struct process *p)
{
	return !hollow_is_one(p) || p->container->hollow.stands;
}

/* Whoever has it started is told of that first. What it was filled with may have ended before, as it did. */
static void end(struct process *p, uint32_t status)
{
	struct hollow *hollow = &p->container->hollow;

	if (hollow->inside && hollow->inside->state == PROCESS_STOPPING)
		status = hollow->inside->status;
	if (p->state == PROCESS_STARTING && !hollow->ended) {
		hollow->ended = true;
		hollow->status = status;
	} else if (p->state != PROCESS_STARTING && process_is_live(p)) {
		process_end(p, status);
	}
}

void hollow_started(struct process *p)
{
	if (p->container->hollow.ended)
		end(p, p->container->hollow.status);
}

/* A program that only waits for its end hears of no other signals, as the first process of a namespace. */
void hollow_signal(struct process *p, int signo)
{
	if (!hollow_is_empty(p))
		process_signal(p->container->hollow.inside, signo);
	else if (signo == SIGKILL)
		end(p, PROCESS_STATUS_LOST);
	else if (signo == SIGTERM || signo == SIGINT)
		end(p, 0);
}

bool hollow_awaited(const struct container *c)
{
	return sandbox_spec_shares_vm(c->spec) && c->config &&
	       sandbox_spec_is_hollow(first_of(c)->spec) && oci_pause_awaited(c->config);
}

static void answer(struct container *c, const struct process *inside, const struct err *err)
{
	list_del(&c->hollow.link);
	if (!err)
		oci_pause_place(inside->pid, &c->config);
	c->hollow.done(c, err);
}

static void answer_all(struct container *first, const struct err *err)
{
	struct list *waiters = &first->hollow.waiters;

	/* One that is answered may be gone, and others with it. */
	while (!list_empty(waiters))
		answer(list_first(waiters, struct container, hollow.link), first->hollow.inside,
		       err);
}

static void fail(struct container *first, enum ttrpc_code code, const char *message)
{
	struct err err = ERR_NULL;

	(void)err_set(&err, ttrpc_code_to_errno((int)code),
		      "the process that is to hold the pod's PID namespace: %s", message);
	answer_all(first, &err);
}

static void fail_ended(struct container *first)
{
	fail(first, TTRPC_FAILED_PRECONDITION, "it has ended");
}

static void begin(struct container *first);

/* It was created too late, and that is undone: whoever came meanwhile waits for a new one. */
static void forgotten(struct process *inside, const struct process_result *result _unused_)
{
	struct container *first = inside->container;

	first->hollow.inside = NULL;
	process_free(inside);
	if (!process_is_live(first->init))
		fail_ended(first);
	else if (!list_empty(&first->hollow.waiters))
		begin(first);
}

static void created(struct process *inside, const struct process_result *result)
{
	struct container *first = inside->container;

	if (result->code == TTRPC_OK) {
		process_starting(inside);
		process_start(inside);
		return;
	}
	fail(first, result->code, result->message);
	if (inside->forgetting)
		return;
	/* Nothing of it is left there: it may be tried again. */
	first->hollow.inside = NULL;
	process_free(inside);
}

static void stopped(struct process *inside)
{
	struct container *first = inside->container;

	fail_ended(first);
	end(first->init, inside->status);
}

/* It may run all the same. */
static void not_started(struct process *inside, const struct process_result *result)
{
	struct container *first = inside->container;
	bool may_run = inside->state == PROCESS_RUNNING;

	fail(first, result->code, result->message);
	if (may_run)
		process_signal(inside, SIGKILL);
	else
		end(first->init, PROCESS_STATUS_LOST);
}

static void started(struct process *inside, const struct process_result *result)
{
	struct container *first = inside->container;

	if (result->code != TTRPC_OK) {
		not_started(inside, result);
	} else if (!process_is_live(first->init)) {
		/* The container has ended meanwhile. */
		fail_ended(first);
		process_signal(inside, SIGKILL);
	} else {
		first->init->pid = inside->pid;
		answer_all(first, NULL);
	}
}

static void begin(struct container *first)
{
	static const struct process_stdio none = {.in = "", .out = "", .err = ""};
	struct process *inside = process_new(first, "", &none, NULL);

	first->hollow.inside = inside;
	inside->patience = first->init->patience;
	inside->created = created;
	inside->started = started;
	inside->stopped = stopped;
	inside->deleted = forgotten;
	process_create(inside, NULL, NULL);
}

void hollow_fill(struct container *c, void (*done)(struct container *c, const struct err *err))
{
	struct container *first = first_of(c);
	const struct process *inside = first->hollow.inside;

	c->hollow.done = done;
	list_append(&first->hollow.waiters, &c->hollow.link);
	/* It may have ended since that was found to be live, or is about to. */
	if (!process_is_live(first->init) || first->hollow.ended)
		fail_ended(first);
	else if (!inside)
		begin(first);
	else if (inside->state == PROCESS_RUNNING)
		answer(c, inside, NULL);
}

void hollow_leave(struct container *c)
{
	list_del(&c->hollow.link);
}

void hollow_lost(struct container *first)
{
	if (first->hollow.inside)
		process_lost(first->hollow.inside);
}

void hollow_deinit(struct container *c)
{
	hollow_leave(c);
	if (c->hollow.inside)
		process_free(take_ptr(c->hollow.inside));
}
