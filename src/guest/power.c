/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/power.h"

#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "guest/lifecycle.h"

static void given_up(struct loop_timer *timer)
{
	struct power *power = container_of(timer, struct power, deadline);

	log_warn("processes are left that cannot be killed");
	loop_quit(power->loop, 0);
}

/* What processes said on their way is the host's, unless it is in a hurry or has had its time. */
static bool finished(const struct power *power)
{
	if (lifecycle_any_alive(power->task))
		return false;
	return power->now || power->state == POWER_KILLED || !lifecycle_any_output(power->task);
}

static void kill_all(struct power *power)
{
	power->state = POWER_KILLED;
	if (finished(power)) {
		loop_quit(power->loop, 0);
		return;
	}
	lifecycle_signal_all(power->task, SIGKILL);
	loop_timer_start(power->loop, &power->deadline, clock_now() + POWER_KILL_NS, given_up);
}

static void grace_over(struct loop_timer *timer)
{
	kill_all(container_of(timer, struct power, deadline));
}

static void begin(struct loop_defer *defer)
{
	struct power *power = container_of(defer, struct power, begin);

	if (finished(power)) {
		loop_quit(power->loop, 0);
	} else if (power->now && power->state != POWER_KILLED) {
		kill_all(power);
	} else if (power->state == POWER_IDLE) {
		power->state = POWER_ASKED;
		lifecycle_signal_all(power->task, SIGTERM);
		loop_timer_start(power->loop, &power->deadline, clock_now() + POWER_GRACE_NS,
				 grace_over);
	}
}

void power_begin(struct power *power, bool now)
{
	power->now |= now;
	loop_defer_start(power->loop, &power->begin, begin);
}

void power_check(struct power *power)
{
	if (power->state != POWER_IDLE && finished(power))
		loop_quit(power->loop, 0);
}

void power_init(struct power *power, struct loop *loop, struct task *task)
{
	power->loop = loop;
	power->task = task;
	power->state = POWER_IDLE;
	power->now = false;
	loop_timer_init(&power->deadline);
	loop_defer_init(&power->begin);
}

void power_stop(struct power *power)
{
	loop_timer_stop(&power->deadline);
	loop_defer_stop(&power->begin);
}
