/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/init-policy.h"

#include "base/clock.h"
#include "base/macro.h"

static const unsigned int delays[] = {1, 2, 4, 8, 16, 30};

static uint64_t next_delay(struct init_policy *policy)
{
	size_t i = MIN(policy->restarts, ARRAY_SIZE(delays) - 1);

	policy->restarts++;
	return delays[i] * NSEC_PER_SEC;
}

void init_policy_begin(struct init_policy *policy, uint64_t now)
{
	policy->begun = now;
}

enum init_policy_next init_policy_ended(struct init_policy *policy, enum init_policy_end end,
					uint64_t now, uint64_t *ret_delay)
{
	*ret_delay = 0;
	if (end == INIT_POLICY_COMMAND_ENDED && now - policy->begun >= INIT_POLICY_HEALTHY_NS)
		policy->restarts = 0;
	if (end == INIT_POLICY_COMMAND_FAILED && policy->shell)
		return INIT_POLICY_START_SHELL;
	if (end != INIT_POLICY_SHELL_ENDED) {
		if (policy->on_exit == INIT_CONF_POWEROFF)
			return INIT_POLICY_POWER_OFF;
		if (policy->on_exit == INIT_CONF_SHELL && policy->shell)
			return INIT_POLICY_START_SHELL;
	}
	/* A shell on a console that nobody reads ends at once: after it, too, not without a pause. */
	*ret_delay = next_delay(policy);
	return INIT_POLICY_START_COMMAND;
}
