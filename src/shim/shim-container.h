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
 * @pid: of one that has joined, the process of the host's that stands for it (shim/deputy.h), also once that has ended; 0: there
 *	was none
 * @removing: nothing of it is to be left once it has ended
 */
struct shim_container {
	struct list holders;
	struct ttrpc_call *released;
	Google__Protobuf__Any creating;
	uint64_t oom_told;
	pid_t pid;
	bool resuming, exit_due, removing;
};

/** shim_container_init() - after container_init(), of all of a shim's containers; @own must outlive @container */
void shim_container_init(struct shim_container *own, struct container *container);

/** shim_container_of() - that of a container */
static inline struct shim_container *shim_container_of(const struct container *container)
{
	return container->userdata;
}

/** shim_container_joined() - has it come to the VM of another (shim/containerd/join.h)? */
bool shim_container_joined(const struct container *container);

/** shim_container_pid() - of the process that stands for it on the host, which of the first one is the keeper */
pid_t shim_container_pid(const struct container *container);

/** shim_container_is_alone() - has the VM no container but the first? */
bool shim_container_is_alone(const struct sandbox *sandbox);

/** shim_container_deinit() - forget both, without callbacks */
void shim_container_deinit(struct container *container);
