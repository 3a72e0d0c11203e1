/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/resources.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define PERIOD_DEFAULT	100000
#define SHARES_MIN	2
#define SHARES_MAX	262144
#define WEIGHT_MAX	10000
#define NO_LIMIT_STRING "max"

/* struct work - @v2: the version that files are of; 1 writes -1 where 2 has a word for it */
struct work {
	const struct oci_limits *limits;
	struct oci_settings *settings;
	bool v2;
	struct err *err;
};

static int add(struct work *w, const char *v1, const char *v2, const char *value)
{
	return oci_settings_add(w->settings, w->v2 ? v2 : v1, value, w->err);
}

static int add_number(struct work *w, const char *v1, const char *v2, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	return add(w, v1, v2, value < 0 && w->v2 ? NO_LIMIT_STRING : text);
}

/* As add_number(), if it is said. */
static int add_said(struct work *w, const char *v1, const char *v2, int64_t value)
{
	return value != 0 ? add_number(w, v1, v2, value) : 0;
}

static int check(const struct work *w)
{
	const struct oci_limits *l = w->limits;

	if (l->swap > 0 && l->memory <= 0)
		return err_set(w->err, -EINVAL,
			       "resources: swap is limited, but memory is not: limit both");
	if (l->swap > 0 && l->swap < l->memory)
		return err_set(w->err, -EINVAL,
			       "resources: swap is memory and swap together, and less than memory");
	if (l->shares != 0 && (l->shares < SHARES_MIN || l->shares > SHARES_MAX))
		return err_set(w->err, -EINVAL, "resources: shares are from %d to %d", SHARES_MIN,
			       SHARES_MAX);
	if (l->period < 0)
		return err_set(w->err, -EINVAL, "resources: period is negative");
	return 0;
}

/* In version 1 it is memory and swap together, in version 2 swap alone. @memory: that is limited */
static int add_swap(struct work *w, int64_t memory)
{
	const struct oci_limits *l = w->limits;
	int64_t swap = l->swap < 0 ? -1 : l->swap - l->memory + (w->v2 ? 0 : memory);

	return l->swap == 0 ? 0
			    : add_number(w, "memory.memsw.limit_in_bytes", "memory.swap.max", swap);
}

static int add_weight(struct work *w)
{
	int64_t shares = w->limits->shares;

	if (w->v2 && shares != 0)
		shares = 1 + (shares - SHARES_MIN) * (WEIGHT_MAX - 1) / (SHARES_MAX - SHARES_MIN);
	return add_said(w, "cpu.shares", "cpu.weight", shares);
}

static int add_bandwidth(struct work *w)
{
	const struct oci_limits *l = w->limits;
	const int64_t period = l->period ? l->period : PERIOD_DEFAULT;
	char text[64];
	int r;

	if (l->quota == 0 && l->period == 0)
		return 0;
	if (!w->v2) {
		r = add_number(w, "cpu.cfs_period_us", NULL, period);
		return r < 0 ? r : add_said(w, "cpu.cfs_quota_us", NULL, l->quota);
	}
	if (l->quota > 0)
		(void)snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, l->quota, period);
	else
		(void)snprintf(text, sizeof(text), NO_LIMIT_STRING " %" PRId64, period);
	return add(w, NULL, "cpu.max", text);
}

static int add_cpu(struct work *w)
{
	const struct oci_limits *l = w->limits;
	int r = add_weight(w);

	if (r == 0)
		r = add_bandwidth(w);
	if (r == 0 && l->burst > 0)
		r = add_number(w, "cpu.cfs_burst_us", "cpu.max.burst", l->burst);
	return r == 0 ? add_said(w, "cpu.idle", "cpu.idle", l->idle) : r;
}

static int add_cpusets(struct work *w)
{
	const struct oci_limits *l = w->limits;
	int r = *l->cpus ? add(w, "cpuset.cpus", "cpuset.cpus", l->cpus) : 0;

	return r == 0 && *l->mems ? add(w, "cpuset.mems", "cpuset.mems", l->mems) : r;
}

static int add_unified(struct work *w)
{
	const struct oci_settings *unified = &w->limits->unified;
	int r = 0;

	for (size_t i = 0; r == 0 && i < unified->n; i++)
		r = add(w, NULL, unified->list[i].file, unified->list[i].value);
	return r;
}

int oci_resources_guest(const struct oci_limits *limits, bool cpusets, struct oci_settings *ret,
			struct err *err)
{
	struct work w = {.limits = limits, .settings = ret, .v2 = true, .err = err};
	int r = check(&w);

	ret->n = 0;
	if (r == 0)
		r = add_unified(&w);
	if (r == 0 && cpusets)
		r = add_cpusets(&w);
	if (r == 0)
		r = add_swap(&w, limits->memory);
	if (r == 0)
		r = add_said(&w, NULL, "memory.max", limits->memory);
	if (r == 0)
		r = add_said(&w, NULL, "memory.low", limits->reservation);
	if (r == 0)
		r = add_cpu(&w);
	return r == 0 ? add_said(&w, NULL, "pids.max", limits->pids) : r;
}

int oci_resources_host(const struct oci_limits *limits, uint64_t memory, bool v2,
		       struct oci_settings *ret, struct err *err)
{
	struct work w = {.limits = limits, .settings = ret, .v2 = v2, .err = err};
	int64_t most = (int64_t)(memory + OCI_HOST_MEMORY_OVERHEAD), pids = limits->pids;
	int r = check(&w);

	ret->n = 0;
	if (r == 0)
		r = add_number(&w, "memory.limit_in_bytes", "memory.max", most);
	if (r == 0)
		r = add_swap(&w, most);
	if (r == 0)
		r = add_said(&w, "memory.soft_limit_in_bytes", "memory.low", limits->reservation);
	if (r == 0)
		r = add_cpu(&w);
	if (r == 0)
		r = add_cpusets(&w);
	if (pids > 0)
		pids = pids > INT32_MAX ? -1 : pids + OCI_HOST_PIDS_OVERHEAD;
	if (r < 0 || pids == 0)
		return r;
	return pids < 0 ? add(&w, "pids.max", "pids.max", NO_LIMIT_STRING)
			: add_number(&w, "pids.max", "pids.max", pids);
}
