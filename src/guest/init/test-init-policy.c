/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/init-policy.h"

#include "base/clock.h"
#include "base/macro.h"
#include "base/test.h"

/* Seconds since boot, as this test has it. */
static uint64_t now;
static uint64_t delay;

static void run_for(struct init_policy *policy, uint64_t seconds)
{
	init_policy_begin(policy, now * NSEC_PER_SEC);
	now += seconds;
}

static int ended(struct init_policy *policy, enum init_policy_end end)
{
	uint64_t ns;
	int next = (int)init_policy_ended(policy, end, now * NSEC_PER_SEC, &ns);

	delay = ns / NSEC_PER_SEC;
	now += delay;
	return next;
}

static void test_restart_backs_off(void)
{
	static const uint64_t want[] = {1, 2, 4, 8, 16, 30, 30, 30};
	struct init_policy policy = {.on_exit = INIT_CONF_RESTART};

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
			/* Just not long enough; in the second round what was healthy ends. */
			run_for(&policy, i == 0 ? 60 : 59);
			test_int(ended(&policy, INIT_POLICY_COMMAND_ENDED),
				 INIT_POLICY_START_COMMAND);
			test_int(delay, want[i]);
		}
	}
}

static void test_what_never_ran_is_not_healthy(void)
{
	struct init_policy policy = {.on_exit = INIT_CONF_RESTART};

	run_for(&policy, 100);
	test_int(ended(&policy, INIT_POLICY_COMMAND_FAILED), INIT_POLICY_START_COMMAND);
	test_int(delay, 1);
	run_for(&policy, 100);
	test_int(ended(&policy, INIT_POLICY_COMMAND_FAILED), INIT_POLICY_START_COMMAND);
	test_int(delay, 2);
}

static void test_poweroff(void)
{
	struct init_policy policy = {.on_exit = INIT_CONF_POWEROFF};

	run_for(&policy, 1);
	test_int(ended(&policy, INIT_POLICY_COMMAND_ENDED), INIT_POLICY_POWER_OFF);
	test_int(ended(&policy, INIT_POLICY_COMMAND_FAILED), INIT_POLICY_POWER_OFF);
	test_int(delay, 0);
}

/* It is there to mend what is missing; then the command gets its chance. */
static void test_shell_instead_of_what_is_missing(void)
{
	static const enum init_conf_exit all[] = {INIT_CONF_RESTART, INIT_CONF_SHELL,
						  INIT_CONF_POWEROFF};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct init_policy policy = {.on_exit = all[i], .shell = true};

		run_for(&policy, 0);
		test_int(ended(&policy, INIT_POLICY_COMMAND_FAILED), INIT_POLICY_START_SHELL);
		test_int(delay, 0);
		test_int(ended(&policy, INIT_POLICY_SHELL_ENDED), INIT_POLICY_START_COMMAND);
		test_int(delay, 1);
	}
}

static void test_shell_after_the_command(void)
{
	struct init_policy policy = {.on_exit = INIT_CONF_SHELL, .shell = true};

	/* A console that is at its end: no loop without a pause. */
	for (uint64_t want = 1; want <= 16; want *= 2) {
		run_for(&policy, 0);
		test_int(ended(&policy, INIT_POLICY_COMMAND_ENDED), INIT_POLICY_START_SHELL);
		test_int(ended(&policy, INIT_POLICY_SHELL_ENDED), INIT_POLICY_START_COMMAND);
		test_int(delay, want);
	}
}

int main(void)
{
	test_run(test_restart_backs_off);
	test_run(test_what_never_ran_is_not_healthy);
	test_run(test_poweroff);
	test_run(test_shell_instead_of_what_is_missing);
	test_run(test_shell_after_the_command);
	return 0;
}
