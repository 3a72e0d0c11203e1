/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/cgroup.h"
#include "ttrpc/server.h"

/**
 * resolver_service() - the Resolver service (proto/caisson/guest/v1/resolver.proto)
 * @cgroups: of all whose queries are answered
 *
 * There is one such service.
 */
struct ttrpc_service resolver_service(struct loop *loop, const struct cgroups *cgroups);
