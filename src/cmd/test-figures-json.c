/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/figures-json.h"

#include <string.h>

#include "base/test.h"

static const char *at(struct json_object *o, const char *path)
{
	struct json_object *found = NULL;

	test_int(json_pointer_get(o, path, &found), 0);
	return json_object_get_string(found);
}

static void figures_are_as_runc_has_them(void)
{
	Io__Containerd__Cgroups__V2__Metrics m = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
	Io__Containerd__Cgroups__V2__CPUStat cpu = IO__CONTAINERD__CGROUPS__V2__CPUSTAT__INIT;
	Io__Containerd__Cgroups__V2__MemoryStat memory =
		IO__CONTAINERD__CGROUPS__V2__MEMORY_STAT__INIT;
	Io__Containerd__Cgroups__V2__MemoryEvents events =
		IO__CONTAINERD__CGROUPS__V2__MEMORY_EVENTS__INIT;
	Io__Containerd__Cgroups__V2__PidsStat pids = IO__CONTAINERD__CGROUPS__V2__PIDS_STAT__INIT;
	Io__Containerd__Cgroups__V2__IOStat io = IO__CONTAINERD__CGROUPS__V2__IOSTAT__INIT;
	Io__Containerd__Cgroups__V2__IOEntry entry = IO__CONTAINERD__CGROUPS__V2__IOENTRY__INIT;
	Io__Containerd__Cgroups__V2__IOEntry *entries[] = {&entry};
	struct json_object *o;

	cpu.usage_usec = 3;
	cpu.throttled_usec = 4;
	memory.usage = 100;
	memory.usage_limit = 1000;
	memory.swap_usage = 5;
	memory.swap_limit = 50;
	memory.anon = 60;
	events.max = 2;
	pids.current = 7;
	pids.limit = 8;
	entry.major = 254;
	entry.wbytes = 9;
	io.n_usage = 1;
	io.usage = entries;
	m.cpu = &cpu;
	m.memory = &memory;
	m.memory_events = &events;
	m.pids = &pids;
	m.io = &io;
	o = figures_to_json(&m);
	test_str(at(o, "/cpu/usage/total"), "3000");
	test_str(at(o, "/cpu/throttling/throttledTime"), "4000");
	test_str(at(o, "/memory/usage/usage"), "100");
	test_str(at(o, "/memory/usage/limit"), "1000");
	test_str(at(o, "/memory/usage/failcnt"), "2");
	test_str(at(o, "/memory/swap/usage"), "105");
	test_str(at(o, "/memory/swap/limit"), "1050");
	test_str(at(o, "/memory/raw/anon"), "60");
	test_str(at(o, "/pids/current"), "7");
	test_str(at(o, "/pids/limit"), "8");
	test_str(at(o, "/blkio/ioServiceBytesRecursive/1/op"), "Write");
	test_str(at(o, "/blkio/ioServiceBytesRecursive/1/value"), "9");
	test_str(at(o, "/blkio/ioServiceBytesRecursive/1/major"), "254");
	json_object_put(o);
}

/* A kernel need not have all controllers; no limit is a number that Go's callers can read. */
static void what_is_not_there_is_not_told(void)
{
	Io__Containerd__Cgroups__V2__Metrics m = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
	Io__Containerd__Cgroups__V2__MemoryStat memory =
		IO__CONTAINERD__CGROUPS__V2__MEMORY_STAT__INIT;
	struct json_object *o = figures_to_json(&m);

	test_str(at(o, "/memory"), "{ }");
	test_str(at(o, "/pids"), "{ }");
	test_str(at(o, "/blkio/ioServicedRecursive"), "[ ]");
	json_object_put(o);
	memory.usage_limit = UINT64_MAX;
	m.memory = &memory;
	o = figures_to_json(&m);
	test_str(at(o, "/memory/usage/limit"), "18446744073709551615");
	test_str(at(o, "/memory/swap/limit"), "18446744073709551615");
	json_object_put(o);
}

int main(void)
{
	test_run(figures_are_as_runc_has_them);
	test_run(what_is_not_there_is_not_told);
	return 0;
}
