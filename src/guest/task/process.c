/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

void process_table_init(struct process_table *table, void (*drained)(struct process *process))
{
	table->drained = drained;
	table->n_seen = table->n_waiters_seen = 0;
	list_init(&table->free_waiters);
}

static struct process *find_free(struct process_table *table)
{
	for (size_t i = 0; i < table->n_seen; i++)
		if (table->slots[i].state == PROCESS_NONE)
			return &table->slots[i];
	return table->n_seen < ARRAY_SIZE(table->slots) ? &table->slots[table->n_seen++] : NULL;
}

/* Those that are deleted count as well, until their output has been taken. */
static bool is_room(struct process_table *table, const struct process *container)
{
	size_t containers = 0, execs = 0, here = 0;

	for (struct process *p = NULL; (p = process_next(table, p));) {
		containers += !process_is_exec(p);
		execs += process_is_exec(p);
		here += process_is_exec(p) && p->container == container;
	}
	if (!container)
		return containers < ABI_CONTAINERS_MAX;
	return here < ABI_EXECS_MAX && execs < PROCESS_EXECS_MAX;
}

struct process *process_new(struct process_table *table, struct process *container, const char *id)
{
	struct process *p = is_room(table, container) ? find_free(table) : NULL;

	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->table = table;
	p->container = container ? container : p;
	strcpy(p->id, id);
	p->pidfd = p->mntns = p->ctl = p->tty = p->console = -EBADF;
	p->ctl_io = (struct loop_io)LOOP_IO_NULL;
	cgroup_init(&p->cgroup);
	list_init(&p->waiters);
	for (int i = 0; i < 3; i++) {
		p->stream[i] = p->child_io[i] = p->muted[i] = -EBADF;
		relay_init(&p->relay[i]);
	}
	return p;
}

void process_free(struct process *p)
{
	process_drop_spec(p);
	free(p->names);
	p->names = NULL;
	p->state = PROCESS_NONE;
}

int process_set_names(struct process *p, const char *const names[PROCESS_NAME_MAX_])
{
	size_t size = 0;
	char *to;

	for (int i = 0; i < PROCESS_NAME_MAX_; i++)
		size += strlen(names[i]) + 1;
	free(p->names);
	to = p->names = malloc(size);
	if (!to)
		return -ENOMEM;
	for (int i = 0; i < PROCESS_NAME_MAX_; i++)
		to = stpcpy(to, names[i]) + 1;
	return 0;
}

const char *process_name(const struct process *p, enum process_name which)
{
	const char *name = p->names;

	if (!name)
		return "";
	for (; which > 0; which--)
		name += strlen(name) + 1;
	return name;
}

struct process *process_next(struct process_table *table, const struct process *after)
{
	size_t i = after ? (size_t)(after - table->slots) + 1 : 0;

	for (; i < table->n_seen; i++)
		if (table->slots[i].state != PROCESS_NONE)
			return &table->slots[i];
	return NULL;
}

struct process *process_find(struct process_table *table, const char *id, const char *exec_id)
{
	for (struct process *p = NULL; (p = process_next(table, p));) {
		if (p->deleted || strcmp(p->container->id, id) != 0)
			continue;
		if (process_is_exec(p) ? strcmp(p->id, exec_id) == 0 : !*exec_id)
			return p;
	}
	return NULL;
}

struct process *process_find_pid(struct process_table *table, pid_t pid)
{
	for (struct process *p = NULL; (p = process_next(table, p));)
		if (p->pid == pid && !p->reaped)
			return p;
	return NULL;
}

static void forget_waiter(struct ttrpc_call *call)
{
	struct process_waiter *waiter = call->userdata;

	list_del(&waiter->link);
	list_append(&waiter->table->free_waiters, &waiter->link);
}

static struct process_waiter *new_waiter(struct process_table *table)
{
	struct process_waiter *waiter;

	if (!list_empty(&table->free_waiters)) {
		waiter = list_first(&table->free_waiters, struct process_waiter, link);
		list_del(&waiter->link);
		return waiter;
	}
	if (table->n_waiters_seen == ARRAY_SIZE(table->waiters))
		return NULL;
	waiter = &table->waiters[table->n_waiters_seen++];
	list_init(&waiter->link);
	return waiter;
}

int process_wait(struct process *p, struct ttrpc_call *call)
{
	struct process_waiter *waiter = new_waiter(p->table);

	if (!waiter)
		return -ENOBUFS;
	waiter->table = p->table;
	waiter->call = call;
	call->userdata = waiter;
	call->cancelled = forget_waiter;
	list_append(&p->waiters, &waiter->link);
	return 0;
}

struct ttrpc_call *process_take_waiter(struct process *p)
{
	struct process_waiter *waiter;

	if (list_empty(&p->waiters))
		return NULL;
	waiter = list_first(&p->waiters, struct process_waiter, link);
	waiter->call->cancelled = NULL;
	list_del(&waiter->link);
	list_append(&p->table->free_waiters, &waiter->link);
	return waiter->call;
}

static void forget_call(struct ttrpc_call *call)
{
	((struct process *)call->userdata)->pending = NULL;
}

void process_keep_call(struct process *p, struct ttrpc_call *call)
{
	p->pending = call;
	call->userdata = p;
	call->cancelled = forget_call;
}

struct ttrpc_call *process_take_call(struct process *p)
{
	struct ttrpc_call *call = take_ptr(p->pending);

	if (call)
		call->cancelled = NULL;
	return call;
}

int process_keep_spec(struct process *p, const void *data, size_t len)
{
	if (len > PROCESS_SPECS_MAX - p->table->kept)
		return -ENOBUFS;
	p->spec = malloc(len + 1);
	if (!p->spec)
		return -ENOMEM;
	if (len > 0)
		memcpy(p->spec, data, len);
	p->spec_len = len;
	p->table->kept += len;
	return 0;
}

void process_drop_spec(struct process *p)
{
	if (!p->spec)
		return;
	p->table->kept -= p->spec_len;
	free(take_ptr(p->spec));
}
