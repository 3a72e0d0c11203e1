/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cmd/client.h"

#define TIMING_MAX 24

/**
 * struct timing - what was over when, of a container's start and end
 */
struct timing {
	struct {
		char name[64];
		uint64_t at; /* CLOCK_MONOTONIC, ns */
	} notes[TIMING_MAX];
	size_t n;
};

/** timing_note() - something is over now */
void timing_note(struct timing *timing, const char *name);

/** timing_fetch() - add what the shim has noted; silently nothing when it cannot be asked */
void timing_fetch(struct timing *timing, struct client *client);

/** timing_print() - a table on stderr: each step, how long it took, and the time since the first */
void timing_print(struct timing *timing);
