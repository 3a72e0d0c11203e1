/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/shim-container.h"

#include "rpc/task.h"

void shim_container_init(struct shim_container *own, struct container *container)
{
	*own = (struct shim_container){.creating = GOOGLE__PROTOBUF__ANY__INIT};
	list_init(&own->holders);
	container->userdata = own;
}

void shim_container_deinit(struct container *container)
{
	rpc_any_done(&shim_container_of(container)->creating);
	container_deinit(container);
}
