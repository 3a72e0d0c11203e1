/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/direct/setup.h"

/* Steps of setup.c: what of a container is neither a file nor a user. */

/**
 * namespace_join() - see control groups as the container does; its other namespaces are ours already
 *
 * Not before: from inside no process can be made in the container's group, but by one that is in it.
 */
int namespace_join(struct setup *setup);

/** namespace_cgroup() - what the container sees of control groups begins with its own */
int namespace_cgroup(struct setup *setup);

/** namespace_hostname() - of the whole VM, which is the container's */
int namespace_hostname(struct setup *setup);

/**
 * namespace_keep() - a descriptor of the mount namespace, for vminitd to hold
 *
 * The last process of a mount namespace unmounts all that is in it before it is gone, which takes
 * longer than many a command runs. With this open it is vminitd that does, when the container is
 * deleted, after the host has been told of the end; or the spawner, which ends then, if there is one.
 */
int namespace_keep(struct setup *setup);
