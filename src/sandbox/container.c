/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/container.h"

#include <string.h>

#include "base/mem.h"
#include "sandbox/process.h"

void container_init(struct container *c, struct sandbox *sandbox, const struct record *record,
		    const struct sandbox_spec *spec)
{
	*c = (struct container){
		.sandbox = sandbox,
		.record = record,
		.spec = spec,
		.log = IOLOG_NULL,
		.uses = {.sources = &sandbox->sources},
	};
	list_init(&c->link);
	list_init(&c->execs);
	blocks_init(&c->blocks);
	hollow_init(&c->hollow);
	list_append(&sandbox->containers, &c->link);
}

struct container *container_find(const struct sandbox *sandbox, const char *id)
{
	list_for_each (it, &sandbox->containers) {
		struct container *c = container_of(it, struct container, link);

		if (strcmp(c->spec->id, id) == 0)
			return c;
	}
	return NULL;
}

struct process *container_find_exec(const struct container *c, const char *exec_id)
{
	list_for_each (it, &c->execs) {
		struct process *p = container_of(it, struct process, link);

		if (strcmp(p->exec_id, exec_id) == 0)
			return p;
	}
	return NULL;
}

void container_deinit(struct container *c)
{
	list_for_each_safe (it, &c->execs)
		process_free(container_of(it, struct process, link));
	hollow_deinit(c);
	if (c->init)
		process_free(take_ptr(c->init));
	free(take_ptr(c->config));
	iolog_close(&c->log);
	sources_leave(&c->uses);
	blocks_done(&c->blocks);
	list_del(&c->link);
}
