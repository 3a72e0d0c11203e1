/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * When the supervisor is started again. Nothing here looks at a clock: the caller says what
 * happened when, in nanoseconds of a clock that never goes back.
 *
 * It is not meant to end, so each end is a failure, as is a start that did not succeed. After one
 * it waits, longer each time. The SUPERVISOR_FAILURES_MAXth in any stretch of SUPERVISOR_WINDOW_NS
 * is the last; having run for SUPERVISOR_HEALTHY_NS makes up for all that was before.
 */

#define SUPERVISOR_FAILURES_MAX 10
#define SUPERVISOR_WINDOW_NS	(UINT64_C(300) * 1000 * 1000 * 1000)
#define SUPERVISOR_HEALTHY_NS	SUPERVISOR_WINDOW_NS

/**
 * struct supervisor_policy - what is remembered; starts as all zero
 * @failures: when the last ones were, the oldest first
 * @n_failures: of those, all within SUPERVISOR_WINDOW_NS before the last
 * @step: how often it has waited since it was last healthy
 * @running: since @started
 */
struct supervisor_policy {
	uint64_t failures[SUPERVISOR_FAILURES_MAX];
	size_t n_failures;
	size_t step;
	bool running;
	uint64_t started;
};

/**
 * struct supervisor_verdict - what to do
 * @give_up: never start it again
 * @at: else: start it at this time, which may be now
 */
struct supervisor_verdict {
	bool give_up;
	uint64_t at;
};

/** supervisor_policy_begin() - there is a program. Return: to run it at once. */
struct supervisor_verdict supervisor_policy_begin(struct supervisor_policy *policy, uint64_t now);

/** supervisor_policy_started() - its program runs */
void supervisor_policy_started(struct supervisor_policy *policy, uint64_t now);

/** supervisor_policy_failed() - it could not be started */
struct supervisor_verdict supervisor_policy_failed(struct supervisor_policy *policy, uint64_t now);

/** supervisor_policy_exited() - it has ended, with whatever status */
struct supervisor_verdict supervisor_policy_exited(struct supervisor_policy *policy, uint64_t now);
