/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/shim-container.h"

#include "rpc/task.h"
#include "shim/shim.h"

void shim_container_init(struct shim_container *own, struct container *container)
{
	*own = (struct shim_container){.creating = GOOGLE__PROTOBUF__ANY__INIT};
	list_init(&own->holders);
	container->userdata = own;
}

bool shim_container_joined(const struct container *c)
{
	return sandbox_spec_shares_vm(c->spec);
}

pid_t shim_container_pid(const struct container *c)
{
	const struct shim *shim = c->sandbox->userdata;

	return shim_container_joined(c) ? shim_container_of(c)->pid : shim->keeper;
}

bool shim_container_is_alone(const struct sandbox *sb)
{
	const struct list *all = &sb->containers;

	return !list_empty(all) && all->next->next == all;
}

void shim_container_deinit(struct container *container)
{
	rpc_any_done(&shim_container_of(container)->creating);
	container_deinit(container);
}
