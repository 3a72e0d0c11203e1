/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "any.pb-c.h"

/*
 * What Task's Stats answers: a container's figures in the form that the host's tools expect. The guest counts with cgroup v2;
 * where the host itself has version 1 in use, its tools present what they are told as version 1.
 *
 * containerd takes apart what it gets without a look at whether it is there, and of what type: nothing of the guest's
 * comes to it as the guest has said it.
 */

/* More bytes are no container's figures. */
#define STATS_MAX (64u << 10)

/** stats_host_is_v1() - does this host have its control groups in version 1? */
bool stats_host_is_v1(void);

/**
 * stats_to_v1() - io.containerd.cgroups.v2.Metrics as io.containerd.cgroups.v1.Metrics
 * @ret: initialised; rpc_any_done() it
 *
 * Version 2 does not count by processor, and not what has been queued for a disk: those are absent.
 *
 * Return: 0 or negative errno when @v2 is NULL, holds something else, or is larger than STATS_MAX.
 */
int stats_to_v1(const Google__Protobuf__Any *v2, Google__Protobuf__Any *ret);

/** stats_to_v2() - the same as what it is, made anew, with no more disks than a VM has */
int stats_to_v2(const Google__Protobuf__Any *v2, Google__Protobuf__Any *ret);
