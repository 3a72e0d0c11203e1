/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "loop/loop.h"
#include "ttrpc/server.h"

/*
 * For tests: what takes events as containerd does, in the test's own loop. Each event ends loop_run().
 */

/**
 * struct taker - it, and all that it has taken: "TOPIC TEXT TEXT\n" each, with the event's texts that are not empty
 * @keeps: it does not answer
 * @kept: what was not answered last
 */
struct taker {
	struct loop *loop;
	const char *address;
	struct ttrpc_server *server;
	char text[65536];
	size_t n;
	struct ttrpc_call *kept;
	bool keeps;
};

extern struct taker taker;

/** taker_begin() - listen at @address; what was taken before stays */
void taker_begin(struct loop *loop, const char *address);

/** taker_end() - close, and remove the socket; may be called again */
void taker_end(void);
