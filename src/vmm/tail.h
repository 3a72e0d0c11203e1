/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vmm/vmm.h"

/**
 * struct tail - what to quote of a program's stderr, in fixed memory however much it writes
 *
 * Programs write "NAME: what went wrong", possibly with a dump of something around it. The last
 * such line is quoted; where there is none, the first line.
 */
struct tail {
	char prefix[64];
	char line[VMM_MESSAGE_MAX];
	size_t len;
	bool any;
	char first[VMM_MESSAGE_MAX];
	char named[VMM_MESSAGE_MAX];
};

/** tail_init() - @program: path of the program whose lines count */
void tail_init(struct tail *tail, const char *program);

/** tail_feed() - what was read; in pieces of any size */
void tail_feed(struct tail *tail, const char *data, size_t len);

/**
 * tail_message() - the line to quote, printable ASCII; empty if there is none
 *
 * A last line without a newline counts too. Valid until @tail changes.
 */
const char *tail_message(struct tail *tail);
