/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/power.h"

#include <signal.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "guest/task/lifecycle.h"

static bool task_any_alive(const struct power *power)
{
	return lifecycle_any_alive(power->task);
}

static bool task_any_output(const struct power *power)
{
	return lifecycle_any_output(power->task);
}

static void task_signal_all(const struct power *power, int signo)
{
	lifecycle_signal_all(power->task, signo);
}

static const struct power_processes of_task = {
	.any_alive = task_any_alive,
	.any_output = task_any_output,
	.signal_all = task_signal_all,
};

/* Whoever has no parent any more is a child of PID 1: without a child there is nobody. */
static bool child_any_alive(const struct power *power _unused_)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* The console takes it at once. */
static bool child_any_output(const struct power *power _unused_)
{
	return false;
}

static void child_signal_all(const struct power *power _unused_, int signo)
{
	(void)kill(-1, signo);
}

static const struct power_processes of_pid_1 = {
	.any_alive = child_any_alive,
	.any_output = child_any_output,
	.signal_all = child_signal_all,
};

static void given_up(struct loop_timer *timer)
{
	struct power *power = container_of(timer, struct power, deadline);

	log_warn("processes are left that cannot be killed");
	loop_quit(power->loop, 0);
}

/* What processes said on their way is the host's, unless it is in a hurry or has had its time. */
static bool finished(const struct power *power)
{
	if (power->processes->any_alive(power) ||
	    (power->supervisor && supervisor_alive(power->supervisor)))
		return false;
	return power->now || power->state == POWER_KILLED || !power->processes->any_output(power);
}

static void kill_supervisor(struct power *power)
{
	if (power->supervisor)
		supervisor_kill(power->supervisor);
	loop_timer_start(power->loop, &power->deadline, loop_now(power->loop) + POWER_KILL_NS,
			 given_up);
}

static void agent_over(struct loop_timer *timer)
{
	kill_supervisor(container_of(timer, struct power, deadline));
}

static void kill_all(struct power *power)
{
	power->state = POWER_KILLED;
	if (finished(power)) {
		loop_quit(power->loop, 0);
		return;
	}
	power->processes->signal_all(power, SIGKILL);
	if (power->supervisor && supervisor_stop(power->supervisor))
		loop_timer_start(power->loop, &power->deadline,
				 loop_now(power->loop) + POWER_AGENT_NS, agent_over);
	else
		kill_supervisor(power);
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
		power->processes->signal_all(power, SIGTERM);
		if (power->supervisor)
			(void)supervisor_stop(power->supervisor);
		loop_timer_start(power->loop, &power->deadline,
				 loop_now(power->loop) + POWER_GRACE_NS, grace_over);
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

static void init(struct power *power, struct loop *loop, const struct power_processes *processes)
{
	power->loop = loop;
	power->processes = processes;
	power->task = NULL;
	power->supervisor = NULL;
	power->state = POWER_IDLE;
	power->now = false;
	loop_timer_init(&power->deadline);
	loop_defer_init(&power->begin);
}

void power_init(struct power *power, struct loop *loop, struct task *task)
{
	init(power, loop, &of_task);
	power->task = task;
}

void power_init_all(struct power *power, struct loop *loop)
{
	init(power, loop, &of_pid_1);
}

void power_stop(struct power *power)
{
	loop_timer_stop(&power->deadline);
	loop_defer_stop(&power->begin);
}

_noreturn_ void power_off(void)
{
	(void)tcdrain(STDERR_FILENO);
	sync();
	for (;;)
		(void)reboot(RB_AUTOBOOT);
}
