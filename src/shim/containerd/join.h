/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/shim.h"
#include "task.pb-c.h"

/*
 * Containers that come to the VM of another one, the first of their group: a pod's, above all. Each has a record beside
 * that one's, with the same shim behind it, and a part of what the host shares with the VM.
 *
 * What a VM was started with it has for all of them: its size, its network, its places for disks. What such a container would need
 * of that kind and cannot get is refused by name; what its variables ask for is noted, since an image may have them that was made for a
 * VM of its own (settings_join()).
 */

/**
 * join_create() - for Create: a container with all that its VM is to be shown of the host
 *
 * Return: it; NULL: it cannot be, which was answered, and nothing of it is there.
 */
struct container *join_create(struct ttrpc_call *call,
			      const Containerd__Task__V2__CreateTaskRequest *request);

/**
 * join_stand() - once it has been created: a process of the host's stands for it (shim/deputy.h)
 *
 * told_joined_seen() or told_joined_unseen() follows.
 *
 * Return: 0 or negative errno.
 */
int join_stand(struct container *container);

/** join_ended() - the container has: nobody stands for it any more */
void join_ended(struct container *container);

/** join_leave() - nothing of it is left on the host; the guest has nothing of it any more. May be called again. */
void join_leave(struct container *container);

/** join_lost() - instead of both, when the shim ends: how it has ended is there for whoever deletes it later */
void join_lost(struct container *container);

/** join_free() - after join_leave(): forget it; whoever asked something about it hears that it is gone */
void join_free(struct container *container);
