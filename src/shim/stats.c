/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/stats.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/macro.h"
#include "base/mem.h"
#include "metrics_v1.pb-c.h"
#include "metrics_v2.pb-c.h"
#include "rpc/task.h"

#define NSEC_PER_USEC 1000
#define OPS_MAX	      2
/* Nobody's VM has more disks; who counts loop devices, too, is told of as many. */
#define DISKS_TOLD 256

/* The message, and all that it points to but what depends on the number of disks. */
struct v1 {
	Io__Containerd__Cgroups__V1__Metrics metrics;
	Io__Containerd__Cgroups__V1__CPUStat cpu;
	Io__Containerd__Cgroups__V1__CPUUsage cpu_usage;
	Io__Containerd__Cgroups__V1__Throttle throttling;
	Io__Containerd__Cgroups__V1__MemoryStat memory;
	Io__Containerd__Cgroups__V1__MemoryEntry usage, swap, kernel;
	Io__Containerd__Cgroups__V1__MemoryOomControl oom;
	Io__Containerd__Cgroups__V1__PidsStat pids;
	Io__Containerd__Cgroups__V1__BlkIOStat blkio;
	Io__Containerd__Cgroups__V1__BlkIOEntry *entries, **bytes, **operations;
};

bool stats_host_is_v1(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type != CGROUP2_SUPER_MAGIC;
}

static void put_cpu(const Io__Containerd__Cgroups__V2__CPUStat *from, struct v1 *to)
{
	io__containerd__cgroups__v1__cpustat__init(&to->cpu);
	io__containerd__cgroups__v1__cpuusage__init(&to->cpu_usage);
	io__containerd__cgroups__v1__throttle__init(&to->throttling);
	to->cpu_usage.total = from->usage_usec * NSEC_PER_USEC;
	to->cpu_usage.user = from->user_usec * NSEC_PER_USEC;
	to->cpu_usage.kernel = from->system_usec * NSEC_PER_USEC;
	to->throttling.periods = from->nr_periods;
	to->throttling.throttled_periods = from->nr_throttled;
	to->throttling.throttled_time = from->throttled_usec * NSEC_PER_USEC;
	to->cpu.usage = &to->cpu_usage;
	to->cpu.throttling = &to->throttling;
	to->metrics.cpu = &to->cpu;
}

/* Version 2 counts whole subtrees only: both of version 1's columns have the same figures. */
static void put_memory_stat(const Io__Containerd__Cgroups__V2__MemoryStat *from,
			    Io__Containerd__Cgroups__V1__MemoryStat *to)
{
	to->cache = to->total_cache = from->file;
	to->rss = to->total_rss = from->anon;
	to->rss_huge = to->total_rss_huge = from->anon_thp;
	to->mapped_file = to->total_mapped_file = from->file_mapped;
	to->dirty = to->total_dirty = from->file_dirty;
	to->writeback = to->total_writeback = from->file_writeback;
	to->pg_fault = to->total_pg_fault = from->pgfault;
	to->pg_maj_fault = to->total_pg_maj_fault = from->pgmajfault;
	to->inactive_anon = to->total_inactive_anon = from->inactive_anon;
	to->active_anon = to->total_active_anon = from->active_anon;
	to->inactive_file = to->total_inactive_file = from->inactive_file;
	to->active_file = to->total_active_file = from->active_file;
	to->unevictable = to->total_unevictable = from->unevictable;
	to->hierarchical_memory_limit = from->usage_limit;
}

static void put_memory(const Io__Containerd__Cgroups__V2__Metrics *from, struct v1 *to)
{
	const Io__Containerd__Cgroups__V2__MemoryStat *memory = from->memory;

	io__containerd__cgroups__v1__memory_stat__init(&to->memory);
	io__containerd__cgroups__v1__memory_entry__init(&to->usage);
	io__containerd__cgroups__v1__memory_entry__init(&to->swap);
	io__containerd__cgroups__v1__memory_entry__init(&to->kernel);
	put_memory_stat(memory, &to->memory);
	to->usage.usage = memory->usage;
	to->usage.limit = memory->usage_limit;
	/* Memory and swap together. */
	to->swap.usage = memory->usage + memory->swap_usage;
	to->kernel.usage = memory->kernel_stack + memory->slab;
	to->memory.usage = &to->usage;
	to->memory.swap = &to->swap;
	to->memory.kernel = &to->kernel;
	to->metrics.memory = &to->memory;
	if (!from->memory_events)
		return;
	io__containerd__cgroups__v1__memory_oom_control__init(&to->oom);
	to->usage.failcnt = from->memory_events->max;
	to->oom.oom_kill = from->memory_events->oom_kill;
	to->metrics.memory_oom_control = &to->oom;
}

static void put_pids(const Io__Containerd__Cgroups__V2__PidsStat *from, struct v1 *to)
{
	io__containerd__cgroups__v1__pids_stat__init(&to->pids);
	to->pids.current = from->current;
	to->pids.limit = from->limit == UINT64_MAX ? 0 : from->limit;
	to->metrics.pids = &to->pids;
}

static Io__Containerd__Cgroups__V1__BlkIOEntry *
put_entry(struct v1 *to, size_t i, const Io__Containerd__Cgroups__V2__IOEntry *from, const char *op,
	  uint64_t value)
{
	Io__Containerd__Cgroups__V1__BlkIOEntry *entry = &to->entries[i];

	io__containerd__cgroups__v1__blk_ioentry__init(entry);
	entry->op = rpc_str(op);
	entry->major = from->major;
	entry->minor = from->minor;
	entry->value = value;
	return entry;
}

static void put_io(const Io__Containerd__Cgroups__V2__IOStat *from, struct v1 *to)
{
	size_t n = MIN(from->n_usage, DISKS_TOLD);

	io__containerd__cgroups__v1__blk_iostat__init(&to->blkio);
	to->entries = xcalloc(2 * OPS_MAX * n + 1, sizeof(*to->entries));
	to->bytes = xcalloc(OPS_MAX * n + 1, sizeof(struct v1 *));
	to->operations = xcalloc(OPS_MAX * n + 1, sizeof(struct v1 *));
	for (size_t i = 0; i < n; i++) {
		const Io__Containerd__Cgroups__V2__IOEntry *e = from->usage[i];

		to->bytes[2 * i] = put_entry(to, 4 * i, e, "Read", e->rbytes);
		to->bytes[2 * i + 1] = put_entry(to, 4 * i + 1, e, "Write", e->wbytes);
		to->operations[2 * i] = put_entry(to, 4 * i + 2, e, "Read", e->rios);
		to->operations[2 * i + 1] = put_entry(to, 4 * i + 3, e, "Write", e->wios);
	}
	to->blkio.n_io_service_bytes_recursive = to->blkio.n_io_serviced_recursive = OPS_MAX * n;
	to->blkio.io_service_bytes_recursive = to->bytes;
	to->blkio.io_serviced_recursive = to->operations;
	to->metrics.blkio = &to->blkio;
}

/* Unpacking is the check: what is no such message, or has more in it than that, never is one here. */
static int unpack(const Google__Protobuf__Any *any, ProtobufCMessage **ret)
{
	if (any && any->value.len > STATS_MAX)
		return -EMSGSIZE;
	return rpc_any_unpack(any, &io__containerd__cgroups__v2__metrics__descriptor, ret);
}

int stats_to_v1(const Google__Protobuf__Any *v2, Google__Protobuf__Any *ret)
{
	const Io__Containerd__Cgroups__V2__Metrics *from;
	struct v1 to = {.entries = NULL};
	ProtobufCMessage *m;
	int r = unpack(v2, &m);

	if (r < 0)
		return r;
	from = (const Io__Containerd__Cgroups__V2__Metrics *)m;
	io__containerd__cgroups__v1__metrics__init(&to.metrics);
	if (from->cpu)
		put_cpu(from->cpu, &to);
	if (from->memory)
		put_memory(from, &to);
	if (from->pids)
		put_pids(from->pids, &to);
	if (from->io)
		put_io(from->io, &to);
	r = rpc_any_pack(&to.metrics.base, ret);
	free(to.entries);
	free(to.bytes);
	free(to.operations);
	rpc_free(m);
	return r;
}

int stats_to_v2(const Google__Protobuf__Any *v2, Google__Protobuf__Any *ret)
{
	Io__Containerd__Cgroups__V2__IOStat *io;
	ProtobufCMessage *m;
	size_t n = 0;
	int r = unpack(v2, &m);

	if (r < 0)
		return r;
	io = ((Io__Containerd__Cgroups__V2__Metrics *)m)->io;
	if (io) {
		n = io->n_usage;
		io->n_usage = MIN(n, DISKS_TOLD);
	}
	r = rpc_any_pack(m, ret);
	if (io)
		io->n_usage = n;
	rpc_free(m);
	return r;
}
