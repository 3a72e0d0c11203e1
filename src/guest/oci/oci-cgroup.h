/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "guest/task/cgroup.h"

/* What crun's containers need of control groups, which they may divide further. */

/** oci_cgroup_pids() - of all processes in it and below, @max at most. Return: how many. */
int oci_cgroup_pids(const struct cgroup *cgroup, pid_t *ret, int max);

/** oci_cgroup_remove() - a container's, with what it made below; harmless when there is none */
void oci_cgroup_remove(const char *id);
