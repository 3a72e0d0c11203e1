/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/test.h"
#include "oci/resources.h"

static struct oci_settings settings;
static struct oci_limits limits;
static struct err err;

static int parse(const char *json)
{
	int r;

	err.code = 0;
	err.text[0] = '\0';
	r = oci_limits_parse(json, strlen(json), &limits, &err);
	return r < 0 ? r : oci_resources_guest(&limits, true, &settings, &err);
}

/* "FILE=VALUE FILE=VALUE", in their order */
static const char *told(void)
{
	static char text[1024];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < settings.n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s=%s", i ? "; " : "",
				       settings.list[i].file, settings.list[i].value);
	return text;
}

static void limits_become_files(void)
{
	static const struct {
		const char *json, *want;
	} rows[] = {
		{"{}", ""},
		{"{\"memory\":{\"limit\":1048576}}", "memory.max=1048576"},
		{"{\"memory\":{\"limit\":-1}}", "memory.max=max"},
		{"{\"memory\":{\"limit\":100,\"swap\":300,\"reservation\":50}}",
		 "memory.swap.max=200; memory.max=100; memory.low=50"},
		{"{\"memory\":{\"limit\":100,\"swap\":100}}", "memory.swap.max=0; memory.max=100"},
		{"{\"memory\":{\"swap\":-1}}", "memory.swap.max=max"},
		{"{\"cpu\":{\"shares\":2}}", "cpu.weight=1"},
		{"{\"cpu\":{\"shares\":1024}}", "cpu.weight=39"},
		{"{\"cpu\":{\"shares\":262144}}", "cpu.weight=10000"},
		{"{\"cpu\":{\"quota\":50000}}", "cpu.max=50000 100000"},
		{"{\"cpu\":{\"quota\":-1,\"period\":50000}}", "cpu.max=max 50000"},
		{"{\"cpu\":{\"period\":20000}}", "cpu.max=max 20000"},
		{"{\"cpu\":{\"quota\":1000,\"burst\":500}}",
		 "cpu.max=1000 100000; cpu.max.burst=500"},
		{"{\"cpu\":{\"cpus\":\"0-1\",\"mems\":\"0\"}}", "cpuset.cpus=0-1; cpuset.mems=0"},
		{"{\"pids\":{\"limit\":100}}", "pids.max=100"},
		{"{\"pids\":{\"limit\":-1}}", "pids.max=max"},
		{"{\"unified\":{\"memory.high\":\"1G\"}}", "memory.high=1G"},
		/* As Docker sends what nobody has asked for. */
		{"{\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0,\"cpus\":\"\"},"
		 "\"memory\":{\"limit\":0,\"swap\":0},\"blockIO\":{\"weight\":0},\"devices\":[],"
		 "\"memory\":{\"kernel\":0,\"disableOOMKiller\":false}}",
		 ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		test_int(parse(rows[i].json), 0);
		test_str(told(), rows[i].want);
	}
}

static void what_cannot_be_is_refused_by_name(void)
{
	static const struct {
		const char *json, *text;
		int code;
	} rows[] = {
		{"", "not a JSON object", -EINVAL},
		{"{} {", "not a JSON object", -EINVAL},
		{"[]", "not a JSON object", -EINVAL},
		{"{\"memory\":3}", "memory is not an object", -EINVAL},
		{"{\"memory\":{\"limit\":\"1G\"}}", "limit is not a number", -EINVAL},
		{"{\"memory\":{\"limit\":1.5}}", "limit is not a number", -EINVAL},
		{"{\"memory\":{\"swap\":5}}", "limit both", -EINVAL},
		{"{\"memory\":{\"limit\":5,\"swap\":3}}", "less than memory", -EINVAL},
		{"{\"memory\":{\"swappiness\":5}}", "swappiness cannot be limited", -EOPNOTSUPP},
		{"{\"memory\":{\"disableOOMKiller\":true}}", "disableOOMKiller cannot",
		 -EOPNOTSUPP},
		{"{\"blockIO\":{\"weight\":5}}", "blockIO cannot be limited", -EOPNOTSUPP},
		{"{\"devices\":[{\"allow\":true}]}", "devices cannot", -EOPNOTSUPP},
		{"{\"cpu\":{\"shares\":1}}", "shares are from 2", -EINVAL},
		{"{\"cpu\":{\"shares\":262145}}", "shares are from 2", -EINVAL},
		{"{\"cpu\":{\"period\":-5}}", "period is negative", -EINVAL},
		{"{\"cpu\":{\"cpus\":7}}", "cpus is not a string", -EINVAL},
		{"{\"cpu\":{\"realtimeRuntime\":7}}", "realtimeRuntime cannot", -EOPNOTSUPP},
		{"{\"unified\":{\"memory.high\":1}}", "unified is not", -EINVAL},
		{"{\"unified\":{\"a.very.long.name.of.a.file.of.cgroups\":\"1\"}}", "too long",
		 -EINVAL},
		{"{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":1}}}}}}}}",
		 "not a JSON object", -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		test_int(parse(rows[i].json), rows[i].code);
		if (!strstr(err.text, rows[i].text))
			test_fail("\"%s\" is not in: %s", rows[i].text, err.text);
	}
}

static void what_was_so_before_may_be_said_again(void)
{
	static const char before[] =
		"{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],\"memory\":{\"limit\":7}}";
	static const struct {
		const char *json;
		int code;
	} rows[] = {
		{"{\"memory\":{\"limit\":5},\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}",
		 0},
		{"{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]}", -EOPNOTSUPP},
		{"{\"blockIO\":{\"weight\":5}}", -EOPNOTSUPP},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		test_int(oci_limits_parse_changed(rows[i].json, strlen(rows[i].json), before,
						  &limits, &err),
			 rows[i].code);
	test_int(oci_limits_parse_changed(rows[0].json, strlen(rows[0].json), NULL, &limits, &err),
		 -EOPNOTSUPP);
}

static void there_is_a_limit_to_limits(void)
{
	char json[4096] = "{\"unified\":{";
	size_t at = strlen(json);

	for (int i = 0; i < OCI_SETTINGS_MAX + 1; i++)
		at += (size_t)sprintf(json + at, "%s\"f%d\":\"1\"", i ? "," : "", i);
	strcpy(json + at, "}}");
	test_int(parse(json), -EINVAL);
	test_true(strstr(err.text, "more than 16"));
}

static const char *on_host(const char *json, bool v2)
{
	test_int(oci_limits_parse_known(json, strlen(json), &limits, &err), 0);
	if (oci_resources_host(&limits, (UINT64_C(4096) << 20) - OCI_HOST_MEMORY_OVERHEAD, v2,
			       &settings, &err) < 0)
		return err.text;
	return told();
}

/* Where the virtual machine has 4 GiB with all that belongs to it. */
static void the_host_limits_the_machine(void)
{
	static const struct {
		const char *json, *v1, *v2;
	} rows[] = {
		{"{}", "", ""},
		/* The container's own limit is kept in the guest. */
		{"{\"memory\":{\"limit\":100}}", "", ""},
		{"{\"memory\":{\"limit\":100,\"swap\":300,\"reservation\":50}}",
		 "; memory.memsw.limit_in_bytes=4294967496; memory.soft_limit_in_bytes=50",
		 "; memory.swap.max=200; memory.low=50"},
		{"{\"memory\":{\"swap\":-1}}", "; memory.memsw.limit_in_bytes=-1",
		 "; memory.swap.max=max"},
		{"{\"cpu\":{\"shares\":1024}}", "; cpu.shares=1024", "; cpu.weight=39"},
		{"{\"cpu\":{\"quota\":50000}}",
		 "; cpu.cfs_period_us=100000; cpu.cfs_quota_us=50000", "; cpu.max=50000 100000"},
		{"{\"cpu\":{\"quota\":-1,\"period\":50000,\"burst\":7}}",
		 "; cpu.cfs_period_us=50000; cpu.cfs_quota_us=-1; cpu.cfs_burst_us=7",
		 "; cpu.max=max 50000; cpu.max.burst=7"},
		{"{\"cpu\":{\"cpus\":\"0-1\",\"mems\":\"0\"}}", "; cpuset.cpus=0-1; cpuset.mems=0",
		 "; cpuset.cpus=0-1; cpuset.mems=0"},
		{"{\"pids\":{\"limit\":100}}", "; pids.max=612", "; pids.max=612"},
		{"{\"pids\":{\"limit\":-1}}", "; pids.max=max", "; pids.max=max"},
		{"{\"pids\":{\"limit\":9223372036854775807}}", "; pids.max=max", "; pids.max=max"},
		/* Files of the guest, and what only the guest limits. */
		{"{\"unified\":{\"memory.high\":\"1G\"},\"devices\":[{\"allow\":false}]}", "", ""},
	};
	char want[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(want, sizeof(want), "memory.limit_in_bytes=4294967296%s",
			       rows[i].v1);
		test_str(on_host(rows[i].json, false), want);
		(void)snprintf(want, sizeof(want), "memory.max=4294967296%s", rows[i].v2);
		test_str(on_host(rows[i].json, true), want);
	}
	test_true(strstr(on_host("{\"memory\":{\"swap\":5}}", true), "limit both"));
	test_true(strstr(on_host("{\"cpu\":{\"shares\":1}}", false), "shares are from 2"));
}

int main(void)
{
	test_run(limits_become_files);
	test_run(what_cannot_be_is_refused_by_name);
	test_run(what_was_so_before_may_be_said_again);
	test_run(there_is_a_limit_to_limits);
	test_run(the_host_limits_the_machine);
	return 0;
}
