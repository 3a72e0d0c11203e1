/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/cgroup.h"
#include "metrics_v2.pb-c.h"

/* What a container has used, as containerd's metrics of cgroup v2 tell it. */

#define STATS_DEVICES_MAX 32

/**
 * struct stats - the message and all that it points to; must not be moved once filled
 */
struct stats {
	Io__Containerd__Cgroups__V2__Metrics metrics;
	Io__Containerd__Cgroups__V2__PidsStat pids;
	Io__Containerd__Cgroups__V2__CPUStat cpu;
	Io__Containerd__Cgroups__V2__MemoryStat memory;
	Io__Containerd__Cgroups__V2__MemoryEvents memory_events;
	Io__Containerd__Cgroups__V2__IOStat io;
	Io__Containerd__Cgroups__V2__IOEntry entries[STATS_DEVICES_MAX], *list[STATS_DEVICES_MAX];
};

/**
 * stats_read() - read the counters of a group
 *
 * Messages of controllers that the kernel does not have are left out. No limit is UINT64_MAX.
 *
 * Return: 0 or negative errno when nothing at all can be read.
 */
int stats_read(const struct cgroup *cgroup, struct stats *ret);
