/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/figures-json.h"

#include "cmd/message-json.h"

#define NSEC_PER_USEC 1000

static void add(struct json_object *o, const char *name, uint64_t value)
{
	json_object_object_add(o, name, json_object_new_uint64(value));
}

static struct json_object *cpu(const Io__Containerd__Cgroups__V2__CPUStat *from)
{
	struct json_object *o = json_object_new_object(), *usage = json_object_new_object();
	struct json_object *throttling = json_object_new_object();

	if (from) {
		add(usage, "total", from->usage_usec * NSEC_PER_USEC);
		add(usage, "kernel", from->system_usec * NSEC_PER_USEC);
		add(usage, "user", from->user_usec * NSEC_PER_USEC);
		add(throttling, "periods", from->nr_periods);
		add(throttling, "throttledPeriods", from->nr_throttled);
		add(throttling, "throttledTime", from->throttled_usec * NSEC_PER_USEC);
	}
	json_object_object_add(o, "usage", usage);
	json_object_object_add(o, "throttling", throttling);
	return o;
}

static struct json_object *entry(uint64_t limit, uint64_t usage, uint64_t failures)
{
	struct json_object *o = json_object_new_object();

	add(o, "limit", limit);
	add(o, "usage", usage);
	add(o, "max", 0);
	add(o, "failcnt", failures);
	return o;
}

static struct json_object *memory(const Io__Containerd__Cgroups__V2__Metrics *m)
{
	const Io__Containerd__Cgroups__V2__MemoryStat *from = m->memory;
	struct json_object *o = json_object_new_object();

	if (!from)
		return o;
	add(o, "cache", from->file);
	json_object_object_add(o, "usage",
			       entry(from->usage_limit, from->usage,
				     m->memory_events ? m->memory_events->max : 0));
	/* Memory and swap together, as runc has it. */
	json_object_object_add(
		o, "swap",
		entry(from->swap_limit == UINT64_MAX || from->usage_limit == UINT64_MAX
			      ? UINT64_MAX
			      : from->usage_limit + from->swap_limit,
		      from->usage + from->swap_usage, 0));
	json_object_object_add(o, "kernel", entry(0, from->kernel_stack + from->slab, 0));
	json_object_object_add(o, "kernelTCP", entry(0, from->sock, 0));
	json_object_object_add(o, "raw", message_to_json(&from->base));
	return o;
}

static struct json_object *pids(const Io__Containerd__Cgroups__V2__PidsStat *from)
{
	struct json_object *o = json_object_new_object();

	if (from)
		add(o, "current", from->current);
	if (from && from->limit != UINT64_MAX)
		add(o, "limit", from->limit);
	return o;
}

static void add_io(struct json_object *list, const Io__Containerd__Cgroups__V2__IOEntry *from,
		   const char *op, uint64_t value)
{
	struct json_object *o = json_object_new_object();

	add(o, "major", from->major);
	add(o, "minor", from->minor);
	json_object_object_add(o, "op", json_object_new_string(op));
	add(o, "value", value);
	json_object_array_add(list, o);
}

static struct json_object *blkio(const Io__Containerd__Cgroups__V2__IOStat *from)
{
	struct json_object *o = json_object_new_object(), *bytes = json_object_new_array();
	struct json_object *times = json_object_new_array();

	for (size_t i = 0; from && i < from->n_usage; i++) {
		add_io(bytes, from->usage[i], "Read", from->usage[i]->rbytes);
		add_io(bytes, from->usage[i], "Write", from->usage[i]->wbytes);
		add_io(times, from->usage[i], "Read", from->usage[i]->rios);
		add_io(times, from->usage[i], "Write", from->usage[i]->wios);
	}
	json_object_object_add(o, "ioServiceBytesRecursive", bytes);
	json_object_object_add(o, "ioServicedRecursive", times);
	return o;
}

struct json_object *figures_to_json(const Io__Containerd__Cgroups__V2__Metrics *m)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "cpu", cpu(m->cpu));
	json_object_object_add(o, "memory", memory(m));
	json_object_object_add(o, "pids", pids(m->pids));
	json_object_object_add(o, "blkio", blkio(m->io));
	json_object_object_add(o, "hugetlb", json_object_new_object());
	json_object_object_add(o, "intel_rdt", json_object_new_object());
	json_object_object_add(o, "network_interfaces", NULL);
	return o;
}
