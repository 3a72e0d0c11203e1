/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "guest/init/init-conf.h"

/*
 * What comes after a program that an image's own init has started has ended. Nothing but a state
 * and the time that the caller tells: no clock, no process.
 *
 * The command is started again after 1, 2, 4, 8, 16 and then always 30 seconds. One that has run
 * for INIT_POLICY_HEALTHY_NS begins at 1 again.
 */

#define INIT_POLICY_HEALTHY_NS (UINT64_C(60) * 1000 * 1000 * 1000)

/** enum init_policy_end - what has ended */
enum init_policy_end {
	INIT_POLICY_COMMAND_ENDED,
	INIT_POLICY_COMMAND_FAILED, /* it could not be started at all */
	INIT_POLICY_SHELL_ENDED,
};

/** enum init_policy_next - what comes next */
enum init_policy_next {
	INIT_POLICY_START_COMMAND,
	INIT_POLICY_START_SHELL,
	INIT_POLICY_POWER_OFF,
};

/**
 * struct init_policy - all that counts
 * @on_exit, @shell: what the image wants; is there a shell for the console?
 * @restarts: in a row, none of them healthy
 * @begun: when the command was started last
 */
struct init_policy {
	enum init_conf_exit on_exit;
	bool shell;
	unsigned int restarts;
	uint64_t begun;
};

/** init_policy_begin() - the command is being started. @now: CLOCK_MONOTONIC, nanoseconds. */
void init_policy_begin(struct init_policy *policy, uint64_t now);

/**
 * init_policy_ended() - decide
 * @now: CLOCK_MONOTONIC, nanoseconds
 * @ret_delay: how long to wait first, nanoseconds
 */
enum init_policy_next init_policy_ended(struct init_policy *policy, enum init_policy_end end,
					uint64_t now, uint64_t *ret_delay);
