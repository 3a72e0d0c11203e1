/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/system/system.h"
#include "guest/task/events.h"
#include "guest/task/task.h"
#include "guest/worker.h"
#include "ttrpc/server.h"

#define SERVICES_MAX 12

/**
 * services_init() - all that vminitd answers, for ttrpc_server_new()
 * @ret: ends with one without a name
 * @task, @events, @system, @workers: as for their own init; @task and @workers are ready
 */
void services_init(struct ttrpc_service ret[SERVICES_MAX], struct task *task, struct events *events,
		   struct system *system, struct workers *workers);
