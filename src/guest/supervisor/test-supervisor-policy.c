/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/supervisor/supervisor-policy.h"

#include "base/clock.h"
#include "base/test.h"

#define SEC   NSEC_PER_SEC
#define NEVER UINT64_MAX

static struct supervisor_policy policy;
static uint64_t now;

static void begin(uint64_t at)
{
	struct supervisor_verdict verdict = supervisor_policy_begin(&policy, at);

	now = at;
	test_true(!verdict.give_up);
	test_int(verdict.at, at);
}

/* Return: for how long to wait; NEVER: give up. */
static uint64_t judge(struct supervisor_verdict verdict)
{
	if (verdict.give_up)
		return NEVER;
	test_true(verdict.at >= now);
	return verdict.at - now;
}

static uint64_t fail_to_start(void)
{
	return judge(supervisor_policy_failed(&policy, now));
}

static uint64_t run_for(uint64_t duration)
{
	supervisor_policy_started(&policy, now);
	now += duration;
	return judge(supervisor_policy_exited(&policy, now));
}

static const uint64_t delays[] = {1, 2, 4, 8, 16, 30, 30, 30, 30};

static void waits_longer_each_time(void)
{
	begin(0);
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		uint64_t delay = i % 2 ? fail_to_start() : run_for(0);

		test_int(delay, delays[i] * SEC);
		now += delay;
	}
	test_true(run_for(0) == NEVER);
}

static void failures_to_start_alone_end_it(void)
{
	begin(17 * SEC);
	for (int i = 1; i < SUPERVISOR_FAILURES_MAX; i++) {
		uint64_t delay = fail_to_start();

		test_true(delay != NEVER);
		now += delay;
	}
	test_true(fail_to_start() == NEVER);
	/* Asked again, it stays with that. */
	test_true(fail_to_start() == NEVER);
	now += SEC;
	test_true(run_for(0) == NEVER);
}

/* Nine failures at once, and the tenth @later than the first. */
static uint64_t tenth(uint64_t later)
{
	begin(0);
	for (int i = 1; i < SUPERVISOR_FAILURES_MAX; i++)
		test_true(fail_to_start() != NEVER);
	now = later;
	return fail_to_start();
}

static void window_slides(void)
{
	test_true(tenth(0) == NEVER);
	test_true(tenth(SUPERVISOR_WINDOW_NS - 1) == NEVER);
	/* The first nine are out of it: eight more may follow. */
	test_int(tenth(SUPERVISOR_WINDOW_NS), 30 * SEC);
	for (int i = 2; i < SUPERVISOR_FAILURES_MAX; i++)
		test_true(fail_to_start() != NEVER);
	test_true(fail_to_start() == NEVER);
}

/* Nine quick ones at the end of one stretch, and nine at the beginning of the next. */
static void no_border_lets_more_through(void)
{
	begin(0);
	test_true(fail_to_start() != NEVER);
	now = SUPERVISOR_WINDOW_NS - 10 * SEC;
	for (int i = 0; i < 8; i++)
		test_true(fail_to_start() != NEVER);
	now = SUPERVISOR_WINDOW_NS + 10 * SEC;
	test_true(fail_to_start() != NEVER);
	test_true(fail_to_start() == NEVER);
}

static void slow_failures_go_on_for_ever(void)
{
	begin(0);
	for (int i = 0; i < 1000; i++) {
		uint64_t delay = run_for(SEC);

		test_true(delay != NEVER);
		test_true(i < 6 || delay == 30 * SEC);
		now += delay + 30 * SEC;
	}
}

static void health_makes_up_for_all(void)
{
	begin(0);
	for (int i = 1; i < SUPERVISOR_FAILURES_MAX; i++)
		test_true(fail_to_start() != NEVER);
	test_int(run_for(SUPERVISOR_HEALTHY_NS), 1 * SEC);
	test_int(run_for(0), 2 * SEC);
	/* The one after the healthy run and this one, and eight more. */
	for (int i = 3; i < SUPERVISOR_FAILURES_MAX; i++)
		test_true(fail_to_start() != NEVER);
	test_true(fail_to_start() == NEVER);
}

static void nearly_healthy_is_not(void)
{
	begin(0);
	test_int(fail_to_start(), 1 * SEC);
	test_int(run_for(SUPERVISOR_HEALTHY_NS - SEC), 2 * SEC);
	test_int(run_for(SUPERVISOR_HEALTHY_NS - 1), 4 * SEC);
	test_int(run_for(SUPERVISOR_HEALTHY_NS), 1 * SEC);
}

/* The time it waits between two runs is not time it ran. */
static void waiting_is_not_health(void)
{
	begin(0);
	test_int(run_for(0), 1 * SEC);
	now += SUPERVISOR_HEALTHY_NS;
	test_int(fail_to_start(), 2 * SEC);
	now += SUPERVISOR_HEALTHY_NS;
	test_int(judge(supervisor_policy_exited(&policy, now)), 4 * SEC);
}

int main(void)
{
	test_run(waits_longer_each_time);
	test_run(failures_to_start_alone_end_it);
	test_run(window_slides);
	test_run(no_border_lets_more_through);
	test_run(slow_failures_go_on_for_ever);
	test_run(health_makes_up_for_all);
	test_run(nearly_healthy_is_not);
	test_run(waiting_is_not_health);
	return 0;
}
