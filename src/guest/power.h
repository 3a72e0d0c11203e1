/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task.h"

/*
 * The orderly end of the VM: SIGTERM to all processes, a grace, SIGKILL, and when none is left, or
 * none can be waited for any more, the loop ends.
 *
 *	IDLE --power_begin()--> ASKED --grace over--> KILLED --deadline--> loop_quit()
 *				  `------------- no process left ------------^
 */

#define POWER_GRACE_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#define POWER_KILL_NS  (UINT64_C(5) * 1000 * 1000 * 1000)

enum power_state {
	POWER_IDLE,
	POWER_ASKED,
	POWER_KILLED,
};

struct power {
	struct loop *loop;
	struct task *task;
	enum power_state state;
	bool now;
	struct loop_timer deadline;
	struct loop_defer begin;
};

/** power_init() - nothing happens yet */
void power_init(struct power *power, struct loop *loop, struct task *task);

/**
 * power_begin() - end the VM, once the present callback has returned
 * @now: without a grace
 *
 * May be called again, to be quicker.
 */
void power_begin(struct power *power, bool now);

/** power_check() - a process has ended: was it the last? */
void power_check(struct power *power);

/** power_stop() - forget about it; may be called again */
void power_stop(struct power *power);
