/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/awake.h"

#include "base/mem.h"
#include "shim/calls.h"

struct awake {
	struct list link;
	uint64_t conn;
};

void awake_until_closed(const struct ttrpc_call *call)
{
	struct shim *shim = shim_of(call);
	struct awake *a;

	list_for_each (it, &shim->awake)
		if (container_of(it, struct awake, link)->conn == call->conn)
			return;
	a = xcalloc(1, sizeof(*a));
	a->conn = call->conn;
	list_append(&shim->awake, &a->link);
	standby_use(&shim->sandbox.standby);
}

static void drop(struct shim *shim, struct awake *a)
{
	list_del(&a->link);
	free(a);
	standby_leave(&shim->sandbox.standby);
}

void awake_conn_closed(struct shim *shim, uint64_t conn)
{
	list_for_each_safe (it, &shim->awake) {
		struct awake *a = container_of(it, struct awake, link);

		if (a->conn == conn)
			drop(shim, a);
	}
}

void awake_forget(struct shim *shim)
{
	list_for_each_safe (it, &shim->awake)
		drop(shim, container_of(it, struct awake, link));
}
