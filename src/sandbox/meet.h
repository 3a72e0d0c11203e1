/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/dial.h"
#include "ttrpc/client.h"

/*
 * Meeting a guest that was there before, and does not know that it is to connect to us: one whose VM was saved.
 *
 * As it goes on, its kernel resets all connections that it had, and may count one in that it has been offered just
 * now. So it is met once it has answered, and until then is connected to again. What it is asked is
 * to set its clock: nothing else may come before that.
 */

struct sandbox;

/**
 * struct meet - one attempt, or none
 * @met: NULL: none
 */
struct meet {
	struct sandbox *sandbox;
	struct dial dial;
	struct ttrpc_request request;
	unsigned int tries;
	void (*met)(struct sandbox *sandbox, int r);
};

/** meet_init() - none */
void meet_init(struct meet *meet, struct sandbox *sandbox);

/**
 * meet_start() - connect to the guest; it is the sandbox's then
 * @met: called once, with 0 or negative errno, unless the VM ends first
 *
 * Return: 0; or negative errno, and then @met is not called.
 */
int meet_start(struct meet *meet, void (*met)(struct sandbox *sandbox, int r));

/** meet_closed() - the sandbox's connection has ended. Return: true: that was to be expected. */
bool meet_closed(struct meet *meet);

/** meet_stop() - give up; may be called again */
void meet_stop(struct meet *meet);
