/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "any.pb-c.h"

/*
 * What Task's Stats answers: a container's figures in the form that the host's tools expect. The guest counts with cgroup v2;
 * where the host itself has version 1 in use, its tools present what they are told as version 1.
 */

/** stats_host_is_v1() - does this host have its control groups in version 1? */
bool stats_host_is_v1(void);

/**
 * stats_to_v1() - io.containerd.cgroups.v2.Metrics as io.containerd.cgroups.v1.Metrics
 * @ret: initialised; rpc_any_done() it
 *
 * Version 2 does not count by processor, and not what has been queued for a disk: those are absent.
 *
 * Return: 0 or negative errno when @v2 holds something else.
 */
int stats_to_v1(const Google__Protobuf__Any *v2, Google__Protobuf__Any *ret);
