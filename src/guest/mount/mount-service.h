/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/worker.h"
#include "ttrpc/server.h"

/*
 * Service "caisson.guest.v1.Mount": mounts outside of all containers, in MOUNT_DIR and in bundles'
 * root file systems, for containers that find them there. What may block is done by a worker.
 */

#define MOUNT_SERVICE_CALLS_MAX 16

/** mount_service() - for ttrpc_server_new(); @workers does the work. There is one such service. */
struct ttrpc_service mount_service(struct workers *workers);
