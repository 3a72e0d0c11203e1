/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/supervisor/supervisor-policy.h"

#include <string.h>

#include "base/clock.h"
#include "base/macro.h"

static const uint64_t delays[] = {
	1 * NSEC_PER_SEC, 2 * NSEC_PER_SEC,  4 * NSEC_PER_SEC,
	8 * NSEC_PER_SEC, 16 * NSEC_PER_SEC, 30 * NSEC_PER_SEC,
};

struct supervisor_verdict supervisor_policy_begin(struct supervisor_policy *p, uint64_t now)
{
	*p = (struct supervisor_policy){.n_failures = 0};
	return (struct supervisor_verdict){.at = now};
}

void supervisor_policy_started(struct supervisor_policy *p, uint64_t now)
{
	p->running = true;
	p->started = now;
}

/* Those that a window which ends now does not reach any more. */
static void forget_old(struct supervisor_policy *p, uint64_t now)
{
	size_t old = 0;

	while (old < p->n_failures && now - p->failures[old] >= SUPERVISOR_WINDOW_NS)
		old++;
	p->n_failures -= old;
	memmove(p->failures, p->failures + old, p->n_failures * sizeof(p->failures[0]));
}

struct supervisor_verdict supervisor_policy_failed(struct supervisor_policy *p, uint64_t now)
{
	struct supervisor_verdict verdict = {.give_up = true};

	p->running = false;
	forget_old(p, now);
	/* After the last one nobody should ask, but nothing is written beyond the table. */
	if (p->n_failures < ARRAY_SIZE(p->failures))
		p->failures[p->n_failures++] = now;
	if (p->n_failures == ARRAY_SIZE(p->failures))
		return verdict;
	verdict.give_up = false;
	verdict.at = now + delays[p->step];
	if (p->step + 1 < ARRAY_SIZE(delays))
		p->step++;
	return verdict;
}

struct supervisor_verdict supervisor_policy_exited(struct supervisor_policy *p, uint64_t now)
{
	if (p->running && now - p->started >= SUPERVISOR_HEALTHY_NS) {
		p->n_failures = 0;
		p->step = 0;
	}
	return supervisor_policy_failed(p, now);
}
