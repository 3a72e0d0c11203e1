/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/test.h"
#include "oci/resources.h"

static struct oci_settings settings;
static struct err err;

static int parse(const char *json)
{
	err.code = 0;
	return oci_resources_parse(json, strlen(json), &settings, &err);
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
		 "\"memory\":{\"limit\":0,\"swap\":0},\"blockIO\":{},\"devices\":[],"
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

int main(void)
{
	test_run(limits_become_files);
	test_run(what_cannot_be_is_refused_by_name);
	test_run(there_is_a_limit_to_limits);
	return 0;
}
