/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "any.pb-c.h"
#include "sandbox/container.h"

/**
 * struct shim_container - what a shim has of a container, besides what the container is
 * @holders, @resuming, @released: who it is paused for (shim/hold.h), it goes on since the last of them has gone, and who
 *	is told once it does; NULL: nobody
 * @creating, @exit_due, @oom_told: what is told once it was created, that its end has still to be told, and when it was
 *	last told that memory ran out, by the loop's clock (shim/containerd/events.h)
 * @removing: nothing of it is to be left once it has ended
 */
struct shim_container {
	struct list holders;
	struct ttrpc_call *released;
	Google__Protobuf__Any creating;
	uint64_t oom_told;
	bool resuming, exit_due, removing;
};

/** shim_container_init() - after container_init(), of all of a shim's containers; @own must outlive @container */
void shim_container_init(struct shim_container *own, struct container *container);

/** shim_container_of() - that of a container */
static inline struct shim_container *shim_container_of(const struct container *container)
{
	return container->userdata;
}

/** shim_container_deinit() - forget both, without callbacks */
void shim_container_deinit(struct container *container);
