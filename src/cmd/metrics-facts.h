/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics_v2.pb-c.h"
#include "sandbox.pb-c.h"
#include "system.pb-c.h"

/*
 * What is kept of the answers of shims and guests. A guest is hostile, and its shim may have become so: whatever they
 * answer, this is as large as it is, and what comes twice, or has no end, or is longer than any such word is not in it.
 */

#define METRICS_ANSWER_MAX   (64u << 10) /* bytes */
#define METRICS_WORD_MAX     64
#define METRICS_PHASES_MAX   8
#define METRICS_BUCKETS_MAX  32
#define METRICS_RESTARTS_MAX 64

/* Something that has a name, and a figure. */
struct metrics_named {
	char name[METRICS_WORD_MAX + 1];
	uint64_t value;
};

struct metrics_bucket {
	uint64_t up_to_ns, count;
};

/**
 * struct metrics_facts - of a container, and of its VM
 * @phases: of the start, but the first, which nothing comes before, in nanoseconds
 * @restarts: of a pod's containers that may have come again, how often they have
 * @buckets: of execs; none: it is not known how long they took
 * @has_supervisor, @has_memory, @has_processes: the fields of that name are known
 */
struct metrics_facts {
	struct metrics_named phases[METRICS_PHASES_MAX], restarts[METRICS_RESTARTS_MAX];
	struct metrics_bucket buckets[METRICS_BUCKETS_MAX];
	size_t n_phases, n_restarts, n_buckets;
	uint64_t exec_sum_ns;
	bool has_supervisor, has_memory, has_processes, supervisor_runs;
	uint64_t supervisor_restarts, memory_usage, memory_limit, processes;
};

/** metrics_facts_timing() - what the shim has measured */
void metrics_facts_timing(struct metrics_facts *facts,
			  const Caisson__Sandbox__V1__TimingResponse *timing);

/** metrics_facts_info() - what the guest says of itself */
void metrics_facts_info(struct metrics_facts *facts, const Caisson__Guest__V1__InfoResponse *info);

/** metrics_facts_figures() - what it says of a container */
void metrics_facts_figures(struct metrics_facts *facts,
			   const Io__Containerd__Cgroups__V2__Metrics *figures);
