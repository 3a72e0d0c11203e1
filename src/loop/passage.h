/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "loop/pump.h"

#define PASSAGE_PIECE 8192

/**
 * struct passage - two sockets of which each gets what comes out of the other, half-closes too
 * @fds: owned; @copies: the same, as a loop knows a descriptor once
 * @done: called once, when both ways have ended; it may be freed in it
 *
 * It allocates no memory.
 */
struct passage {
	int fds[2], copies[2];
	struct pump pumps[2];
	char bufs[2][PASSAGE_PIECE];
	void (*done)(struct passage *passage);
	void *userdata;
};

/** passage_init() - before anything else; @done and @userdata are set afterwards */
void passage_init(struct passage *passage);

/**
 * passage_start() - begin
 * @a, @b: non-blocking; owned from here, even on failure
 *
 * Return: 0 or negative errno; then it has stopped.
 */
int passage_start(struct passage *passage, struct loop *loop, int a, int b);

/** passage_stop() - close both, without calling @done; may be called again */
void passage_stop(struct passage *passage);
