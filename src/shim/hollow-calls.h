/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/hollow.h"
#include "ttrpc/client.h"
#include "ttrpc/server.h"

/* What is asked about a container of which nothing is in the guest (sandbox/hollow.h). */

/** hollow_calls_check() - may something be executed in a container? Return: false: in one of these not, which was answered. */
bool hollow_calls_check(struct ttrpc_call *call, const struct process *init);

/**
 * hollow_calls_stats() - answer with the figures of nothing
 * @reply: gets them as if that were the guest's answer
 */
void hollow_calls_stats(struct ttrpc_call *call,
			void (*reply)(struct ttrpc_call *call, const struct ttrpc_answer *answer));
