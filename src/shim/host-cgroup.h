/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oci/oci-limits.h"
#include "sandbox/spec.h"

/* The host's control group of a container: all processes of its virtual machine are in it. */

/**
 * host_cgroup_enter() - make it, set its limits, and move the calling process into it; before it has children
 *
 * Nothing is done if the container has none.
 *
 * Return: 0 or negative errno with a message: there is no group.
 */
int host_cgroup_enter(const struct sandbox_spec *spec, struct err *err);

/** host_cgroup_limit() - set its limits anew. Return: 0 or negative errno with a message. */
int host_cgroup_limit(const struct sandbox_spec *spec, const struct oci_limits *limits,
		      struct err *err);
