/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/metrics-facts.h"

#include <string.h>

static bool has_phase(const struct metrics_facts *facts, const char *step)
{
	for (size_t i = 0; i < facts->n_phases; i++)
		if (strcmp(facts->phases[i].step, step) == 0)
			return true;
	return false;
}

static void take_phase(struct metrics_facts *facts, const Caisson__Sandbox__V1__Phase *before,
		       const Caisson__Sandbox__V1__Phase *phase)
{
	struct metrics_phase *p = &facts->phases[facts->n_phases];

	if (facts->n_phases == METRICS_PHASES_MAX || strlen(phase->step) > METRICS_WORD_MAX ||
	    has_phase(facts, phase->step) || phase->at_ns < before->at_ns)
		return;
	memcpy(p->step, phase->step, strlen(phase->step) + 1);
	p->ns = phase->at_ns - before->at_ns;
	facts->n_phases++;
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
	for (size_t i = 1; i < timing->n_phases; i++)
		take_phase(facts, timing->phases[i - 1], timing->phases[i]);
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
