/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/containerd/args.h"

/* What containerd-shim-caisson-v2 does. Each returns 0 or negative errno with a message. */

/** containerd_start() - start the shim of the bundle in the present folder, or find it, and print its address */
int containerd_start(const struct containerd_args *args, struct err *err);

/**
 * containerd_delete() - leave nothing of a container, whose shim may have been killed, and print how it ended
 *
 * That of another container it leaves alone. What has been removed already is no error.
 */
int containerd_delete(const struct containerd_args *args, struct err *err);

/** containerd_info() - print what the runtime is, for programs */
int containerd_info(struct err *err);
