/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "loop/loop.h"

/**
 * struct reaper - the one place where children are waited for, orphans of containers among them
 * @ending: the same just before, while the number is still the child's; NULL: nobody wants to know
 * @reaped: each that ended: @status is its exit status, or 128 + signal
 */
struct reaper {
	struct loop_signal signal;
	void (*ending)(struct reaper *reaper, pid_t pid, uint32_t status);
	void (*reaped)(struct reaper *reaper, pid_t pid, uint32_t status);
};

#define REAPER_NULL                             \
	{                                       \
		.signal = {.io = LOOP_IO_NULL } \
	}

/** reaper_start() - take over SIGCHLD. Return: 0 or negative errno. */
int reaper_start(struct reaper *reaper, struct loop *loop,
		 void (*reaped)(struct reaper *reaper, pid_t pid, uint32_t status));

/** reaper_stop() - harmless when stopped */
void reaper_stop(struct reaper *reaper);
