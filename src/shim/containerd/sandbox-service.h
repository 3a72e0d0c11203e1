/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ttrpc/server.h"

/* containerd's Sandbox service, of shims that were started for a sandbox (pod.h). */
extern const struct ttrpc_method sandbox_service_methods[];
