/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/metrics-facts.h"

#include <string.h>

static bool has(const struct metrics_named *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return true;
	return false;
}

static void add(struct metrics_named *list, size_t *n, size_t max, const char *name, uint64_t value)
{
	if (*n == max || strlen(name) > METRICS_WORD_MAX || has(list, *n, name))
		return;
	memcpy(list[*n].name, name, strlen(name) + 1);
	list[(*n)++].value = value;
}

static void take_phases(struct metrics_facts *facts,
			const Caisson__Sandbox__V1__TimingResponse *timing)
{
	for (size_t i = 1; i < timing->n_phases; i++) {
		const Caisson__Sandbox__V1__Phase *phase = timing->phases[i],
						  *before = timing->phases[i - 1];

		if (phase->at_ns >= before->at_ns)
			add(facts->phases, &facts->n_phases, METRICS_PHASES_MAX, phase->step,
			    phase->at_ns - before->at_ns);
	}
}

/* 0 is beyond all others. */
static bool is_larger(uint64_t bound, uint64_t before)
{
	return before != 0 && (bound == 0 || bound > before);
}

static void take_histogram(struct metrics_facts *facts, const Caisson__Sandbox__V1__Histogram *h)
{
	for (size_t i = 0; i < h->n_buckets && i < METRICS_BUCKETS_MAX; i++) {
		const Caisson__Sandbox__V1__Histogram__Bucket *b = h->buckets[i];

		if (i > 0 && !is_larger(b->up_to_ns, h->buckets[i - 1]->up_to_ns))
			return;
		facts->buckets[facts->n_buckets++] =
			(struct metrics_bucket){.up_to_ns = b->up_to_ns, .count = b->count};
	}
	facts->exec_sum_ns = h->sum_ns;
}

void metrics_facts_timing(struct metrics_facts *facts,
			  const Caisson__Sandbox__V1__TimingResponse *timing)
{
	take_phases(facts, timing);
	for (size_t i = 0; i < timing->n_restarts; i++)
		add(facts->restarts, &facts->n_restarts, METRICS_RESTARTS_MAX,
		    timing->restarts[i]->name, timing->restarts[i]->count);
	if (timing->exec_starts)
		take_histogram(facts, timing->exec_starts);
}

void metrics_facts_info(struct metrics_facts *facts, const Caisson__Guest__V1__InfoResponse *info)
{
	const Caisson__Guest__V1__Supervisor *s = info->supervisor;

	if (!s || s->state == CAISSON__GUEST__V1__SUPERVISOR__STATE__ABSENT)
		return;
	facts->has_supervisor = true;
	facts->supervisor_runs = s->state == CAISSON__GUEST__V1__SUPERVISOR__STATE__RUNNING;
	facts->supervisor_restarts = s->restarts;
}

void metrics_facts_figures(struct metrics_facts *facts,
			   const Io__Containerd__Cgroups__V2__Metrics *figures)
{
	if (figures->memory) {
		facts->has_memory = true;
		facts->memory_usage = figures->memory->usage;
		facts->memory_limit = figures->memory->usage_limit;
	}
	if (figures->pids) {
		facts->has_processes = true;
		facts->processes = figures->pids->current;
	}
}
