/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * How long it took to start the execs of a VM, as a histogram: for as long as its shim lives, so that a rate
 * can be made of it, and in constant memory.
 */

#define LATENCY_BUCKETS 11

/**
 * struct latency - a histogram
 * @counts: of each of latency_bounds, how many took no longer than that, and longer than the one before; the
 *	last one: of those that took longer than all
 * @sum_ns: of them all
 */
struct latency {
	uint64_t counts[LATENCY_BUCKETS + 1];
	uint64_t sum_ns;
};

extern const uint64_t latency_bounds[LATENCY_BUCKETS];

/** latency_add() - one has taken so long */
void latency_add(struct latency *latency, uint64_t ns);
