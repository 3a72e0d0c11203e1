/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How far a long step has come, in one line of a terminal that is drawn again and again, ten times a
 * second at most: "unpacking layer 2 of 5 [=====     ]  50 %  310 MB/s". Nothing waits for the next
 * time: the clock is looked at when something has passed.
 */

#define PROGRESS_BAR_STEP_MAX 160

/**
 * struct progress_bar - one of them
 * @fd: the terminal; -EBADF: there is none, so nothing is drawn
 * @step: what is being done, safe to show
 * @begun, @drawn: when the step began, and when the line was last drawn; clock_now(), 0: never
 * @done, @total: bytes of the step; UINT64_MAX for a total that nobody knows
 */
struct progress_bar {
	int fd;
	char step[PROGRESS_BAR_STEP_MAX];
	uint64_t begun, drawn;
	uint64_t done, total;
};

/**
 * progress_bar_begin() - on stderr, if that is a terminal that can take back what it shows
 *
 * Return: can it? If not, the other functions do nothing.
 */
bool progress_bar_begin(struct progress_bar *bar);

/** progress_bar_step() - a step begins. For struct image_get_options' progress; @bar: a progress_bar */
void progress_bar_step(const char *step, void *bar);

/** progress_bar_passed() - so much of the step is done. For that structure's passed. */
void progress_bar_passed(uint64_t done, uint64_t total, void *bar);

/** progress_bar_end() - take the line back, before anything else is said; may be called again */
void progress_bar_end(struct progress_bar *bar);

/**
 * progress_bar_line() - what is drawn
 * @now: clock_now()
 * @columns: of the terminal; the last one stays free
 * @ret: the line, ASCII, without anything that moves a cursor
 */
void progress_bar_line(const struct progress_bar *bar, uint64_t now, unsigned int columns,
		       char ret[PROGRESS_BAR_STEP_MAX]);
