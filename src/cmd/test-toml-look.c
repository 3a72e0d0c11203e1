/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/toml-look.h"

#include "base/mem.h"
#include "base/test.h"

static const char text[] = "version = 2\n"
			   "# [a.comment]\n"
			   "[plugins.\"io.containerd.grpc.v1.cri\".cni]\n"
			   "  bin_dir = \"/opt/cni/bin\" # here\n"
			   "  # runtime_type = \"io.containerd.caisson.v2\"\n"
			   "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.'a.b']\n"
			   "\truntime_type='io.containerd.caisson.v2'\n"
			   "  runtime_type_of = \"io.containerd.other.v2\"\n"
			   "[crio.runtime.runtimes.vm]\n"
			   "runtime_path = \"/usr/bin/shim\"\n"
			   "SystemdCgroup = true";

static void check_value(const char *key, const char *want)
{
	_cleanup_free_ char *have = toml_value(text, key);

	if (want)
		test_str(have, want);
	else
		test_true(!have);
}

static void check_table(const char *key, const char *end, const char *want)
{
	_cleanup_free_ char *value = NULL, *have = toml_table_with(text, key, end, &value);

	if (!want) {
		test_true(!have && !value);
		return;
	}
	test_str(have, want);
	test_str(value + strlen(value) - strlen(end), end);
}

static void values_are_found(void)
{
	check_value("version", "2");
	check_value("bin_dir", "/opt/cni/bin");
	check_value("runtime_type", "io.containerd.caisson.v2");
	check_value("SystemdCgroup", "true");
	check_value("bin", NULL);
	check_value("", NULL);
}

static void tables_are_found(void)
{
	check_table("runtime_type", "io.containerd.caisson.v2", "a.b");
	check_table("runtime_path", "/shim", "vm");
	check_table("runtime_path", "/other", NULL);
	check_table("runtime_type", "io.containerd.other.v2", NULL);
	check_table("version", "2", NULL);
}

static void lists_are_searched(void)
{
	static const char lists[] = "x = 'a'\nlist = [\n  \"one\", # 'two'\n  'three',]\nlist = "
				    "['four']\nd=[\"]\", 'e'";

	test_true(toml_list_has(lists, "list", "one"));
	test_true(toml_list_has(lists, "list", "three"));
	test_true(!toml_list_has(lists, "list", "two"));
	test_true(!toml_list_has(lists, "list", "four"));
	test_true(!toml_list_has(lists, "x", "a"));
	test_true(!toml_list_has(lists, "none", "a"));
	test_true(toml_list_has(lists, "d", "e"));
	test_true(!toml_list_has("a=[\"x", "a", "y"));
	test_true(!toml_list_has("a=[\"", "a", "y"));
}

static void what_is_broken_is_read_all_the_same(void)
{
	static const char *const broken[] = {"[\na=1",	   "[\"\na=1", "[]\na=1", "[']\na=1",
					     "[..]\na=\"", "=",	       "a"};

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		free(toml_table_with(broken[i], "a", "1", NULL));
		free(toml_value(broken[i], "a"));
	}
}

int main(void)
{
	test_run(values_are_found);
	test_run(tables_are_found);
	test_run(lists_are_searched);
	test_run(what_is_broken_is_read_all_the_same);
	return 0;
}
