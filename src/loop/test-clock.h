/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "base/macro.h"
#include "loop/loop.h"

/*
 * A clock for a test's loop (struct loop, @now) that stands still until the test moves it: what is
 * due later is seen to come exactly then, and nothing is waited for.
 */

/* Far from 0, and from what the real clock of a machine says. */
static uint64_t test_clock_ns = UINT64_C(1000000000) * NSEC_PER_SEC;

static inline uint64_t test_clock(void)
{
	return test_clock_ns;
}

struct test_turn {
	struct loop_defer defer;
	struct loop *loop;
};

static inline void test_turn_over(struct loop_defer *defer)
{
	loop_quit(container_of(defer, struct test_turn, defer)->loop, -1);
}

/**
 * test_turn() - let @loop do what it can without waiting
 *
 * Return: whether something in it ended the loop with status 0.
 */
static inline bool test_turn(struct loop *loop)
{
	struct test_turn turn = {.defer = LOOP_DEFER_NULL(turn.defer), .loop = loop};
	int r;

	/* What comes may put something off until the next turn. */
	do {
		loop_defer_start(loop, &turn.defer, test_turn_over);
		r = loop_run(loop);
		loop_defer_stop(&turn.defer);
	} while (r != 0 && !list_empty(&loop->deferred));
	return r == 0;
}

/** test_pass() - @ns nanoseconds go by, and what is due then happens. Return: as test_turn(). */
static inline bool test_pass(struct loop *loop, uint64_t ns)
{
	test_clock_ns += ns;
	return test_turn(loop);
}
