/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/supervisor/supervisor.h"
#include "guest/task/task.h"

/*
 * The orderly end of the VM: SIGTERM to all processes, a grace, SIGKILL, and when none is left, or
 * none can be waited for any more, the loop ends.
 *
 * The supervisor is asked like all processes. In a hurry it has a grace of its own, a short one: it
 * is often told of the VM's end by nothing else.
 *
 *	IDLE --power_begin()--> ASKED --grace over--> KILLED --deadline--> loop_quit()
 *				  `------------- no process left ------------^
 */

#define POWER_GRACE_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#define POWER_AGENT_NS (UINT64_C(2) * 1000 * 1000 * 1000)
#define POWER_KILL_NS  (UINT64_C(5) * 1000 * 1000 * 1000)

enum power_state {
	POWER_IDLE,
	POWER_ASKED,
	POWER_KILLED,
};

struct power;

/**
 * struct power_processes - the processes that have to end
 * @any_alive: is one of them left?
 * @any_output: is something on its way that they have said?
 * @signal_all: send them a signal
 */
struct power_processes {
	bool (*any_alive)(const struct power *power);
	bool (*any_output)(const struct power *power);
	void (*signal_all)(const struct power *power, int signo);
};

/**
 * struct power - the end of the VM: SIGTERM to all, a grace, SIGKILL, and then the loop is quit
 * @task: whose processes they are; NULL: all that there are (power_init_all())
 * @supervisor: is told as well; NULL: there is none
 * @now: somebody is in a hurry: no grace
 */
struct power {
	struct loop *loop;
	const struct power_processes *processes;
	struct task *task;
	struct supervisor *supervisor;
	enum power_state state;
	bool now;
	struct loop_timer deadline;
	struct loop_defer begin;
};

/**
 * power_init() - nothing happens yet; the processes are those of the Task service
 *
 * @supervisor may be set afterwards, if there is one.
 */
void power_init(struct power *power, struct loop *loop, struct task *task);

/** power_init_all() - as power_init(), but they are all that there are: for PID 1 without a host */
void power_init_all(struct power *power, struct loop *loop);

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

/** power_off() - let what was said on the console get out, and end the VM; see abi/abi.h */
_noreturn_ void power_off(void);
