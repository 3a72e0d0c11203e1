/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/stats.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_SIZE 8192

/* A line "NAME NUMBER" of a file, and the field it belongs to. */
struct field {
	const char *name;
	size_t offset;
};

#define CPU(name)                                                           \
	{                                                                   \
#name, offsetof(Io__Containerd__Cgroups__V2__CPUStat, name) \
	}
#define MEMORY(name)                                                           \
	{                                                                      \
#name, offsetof(Io__Containerd__Cgroups__V2__MemoryStat, name) \
	}
#define EVENT(name)                                                              \
	{                                                                        \
#name, offsetof(Io__Containerd__Cgroups__V2__MemoryEvents, name) \
	}

static const struct field cpu_fields[] = {
	CPU(usage_usec), CPU(user_usec),    CPU(system_usec),
	CPU(nr_periods), CPU(nr_throttled), CPU(throttled_usec),
};

/* Linux has renamed some of them; the message has the first names. */
static const struct field memory_fields[] = {
	MEMORY(anon),
	MEMORY(file),
	MEMORY(kernel_stack),
	MEMORY(slab),
	MEMORY(sock),
	MEMORY(shmem),
	MEMORY(file_mapped),
	MEMORY(file_dirty),
	MEMORY(file_writeback),
	MEMORY(anon_thp),
	MEMORY(inactive_anon),
	MEMORY(active_anon),
	MEMORY(inactive_file),
	MEMORY(active_file),
	MEMORY(unevictable),
	MEMORY(slab_reclaimable),
	MEMORY(slab_unreclaimable),
	MEMORY(pgfault),
	MEMORY(pgmajfault),
	MEMORY(workingset_refault),
	MEMORY(workingset_activate),
	MEMORY(workingset_nodereclaim),
	MEMORY(pgrefill),
	MEMORY(pgscan),
	MEMORY(pgsteal),
	MEMORY(pgactivate),
	MEMORY(pgdeactivate),
	MEMORY(pglazyfree),
	MEMORY(pglazyfreed),
	MEMORY(thp_fault_alloc),
	MEMORY(thp_collapse_alloc),
	{"workingset_refault_anon",
	 offsetof(Io__Containerd__Cgroups__V2__MemoryStat, workingset_refault)},
	{"workingset_refault_file",
	 offsetof(Io__Containerd__Cgroups__V2__MemoryStat, workingset_refault)},
	{"workingset_activate_anon",
	 offsetof(Io__Containerd__Cgroups__V2__MemoryStat, workingset_activate)},
	{"workingset_activate_file",
	 offsetof(Io__Containerd__Cgroups__V2__MemoryStat, workingset_activate)},
};

static const struct field event_fields[] = {
	EVENT(low), EVENT(high), EVENT(max), EVENT(oom), EVENT(oom_kill),
};

/* Adds to what is in @message, since two lines may belong to one field. Return: is there a file? */
static bool read_fields(const struct cgroup *cgroup, const char *file, const struct field *fields,
			size_t n, void *message)
{
	char buf[FILE_MAX_SIZE], *at = buf, *value, *line;

	if (cgroup_read(cgroup, file, buf, sizeof(buf)) < 0)
		return false;
	while ((line = cgroup_line(&at, &value)))
		for (size_t i = 0; i < n; i++)
			if (strcmp(line, fields[i].name) == 0)
				*(uint64_t *)((char *)message + fields[i].offset) +=
					strtoull(value, NULL, 10);
	return true;
}

/* A file with one number, or "max". */
static bool read_value(const struct cgroup *cgroup, const char *file, uint64_t *ret)
{
	char buf[32];

	if (cgroup_read(cgroup, file, buf, sizeof(buf)) < 0)
		return false;
	*ret = strncmp(buf, "max", 3) == 0 ? UINT64_MAX : strtoull(buf, NULL, 10);
	return true;
}

static void read_cpu(const struct cgroup *cgroup, struct stats *s)
{
	io__containerd__cgroups__v2__cpustat__init(&s->cpu);
	if (read_fields(cgroup, "cpu.stat", cpu_fields, ARRAY_SIZE(cpu_fields), &s->cpu))
		s->metrics.cpu = &s->cpu;
}

static void read_memory(const struct cgroup *cgroup, struct stats *s)
{
	io__containerd__cgroups__v2__memory_stat__init(&s->memory);
	io__containerd__cgroups__v2__memory_events__init(&s->memory_events);
	if (!read_fields(cgroup, "memory.stat", memory_fields, ARRAY_SIZE(memory_fields),
			 &s->memory))
		return;
	(void)read_value(cgroup, "memory.current", &s->memory.usage);
	(void)read_value(cgroup, "memory.max", &s->memory.usage_limit);
	(void)read_value(cgroup, "memory.swap.current", &s->memory.swap_usage);
	(void)read_value(cgroup, "memory.swap.max", &s->memory.swap_limit);
	s->metrics.memory = &s->memory;
	if (read_fields(cgroup, "memory.events", event_fields, ARRAY_SIZE(event_fields),
			&s->memory_events))
		s->metrics.memory_events = &s->memory_events;
}

static void read_pids(const struct cgroup *cgroup, struct stats *s)
{
	io__containerd__cgroups__v2__pids_stat__init(&s->pids);
	if (!read_value(cgroup, "pids.current", &s->pids.current))
		return;
	(void)read_value(cgroup, "pids.max", &s->pids.limit);
	s->metrics.pids = &s->pids;
}

static void set_io_word(Io__Containerd__Cgroups__V2__IOEntry *entry, const char *word)
{
	const struct {
		const char *prefix;
		uint64_t *field;
	} words[] = {
		{"rbytes=", &entry->rbytes},
		{"wbytes=", &entry->wbytes},
		{"rios=", &entry->rios},
		{"wios=", &entry->wios},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strncmp(word, words[i].prefix, strlen(words[i].prefix)) == 0)
			*words[i].field = strtoull(word + strlen(words[i].prefix), NULL, 10);
}

static bool read_device(const char *line, Io__Containerd__Cgroups__V2__IOEntry *entry)
{
	char *end;

	entry->major = strtoull(line, &end, 10);
	if (*end != ':')
		return false;
	entry->minor = strtoull(end + 1, NULL, 10);
	return true;
}

/* "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" */
static void read_io(const struct cgroup *cgroup, struct stats *s)
{
	char buf[FILE_MAX_SIZE], *at = buf, *words, *line, *word;

	io__containerd__cgroups__v2__iostat__init(&s->io);
	if (cgroup_read(cgroup, "io.stat", buf, sizeof(buf)) < 0)
		return;
	while ((line = cgroup_line(&at, &words)) && s->io.n_usage < STATS_DEVICES_MAX) {
		Io__Containerd__Cgroups__V2__IOEntry *entry = &s->entries[s->io.n_usage];

		io__containerd__cgroups__v2__ioentry__init(entry);
		if (!read_device(line, entry))
			continue;
		while ((word = strsep(&words, " ")))
			set_io_word(entry, word);
		s->list[s->io.n_usage++] = entry;
	}
	s->io.usage = s->list;
	s->metrics.io = &s->io;
}

int stats_read(const struct cgroup *cgroup, struct stats *ret)
{
	io__containerd__cgroups__v2__metrics__init(&ret->metrics);
	if (cgroup->dir < 0)
		return -ENODEV;
	read_cpu(cgroup, ret);
	read_memory(cgroup, ret);
	read_pids(cgroup, ret);
	read_io(cgroup, ret);
	return ret->metrics.cpu || ret->metrics.memory || ret->metrics.pids ? 0 : -ENODATA;
}
