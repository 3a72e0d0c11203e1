/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/toml-check.h"

#include "base/mem.h"
#include "base/test.h"

static void what_is_toml_is_taken(void)
{
	static const char *const good[] = {
		"",
		"# only this",
		"version = 2\r\nroot = \"/var/lib/x\" # here\r\n[a]\r\n",
		"[plugins.\"io.containerd.grpc.v1.cri\"]\n  a = 1\n  "
		"[plugins.'io.containerd.grpc.v1.cri'.containerd]\n    a = 1",
		"[a.b]\nc = 1\n[a]\nb2 = 2\n",
		"a = [\n  \"x\", # one\n  'y',\n]\nb = []\nc = {}\nd = { e = 1, f.g = [1, {h = "
		"true}] }\n",
		"a = \"\"\"\n[a]\n[a]\n\"\"\"\nb = '''\nx ' '''\nc = \"\"\nd = \"\\\"]\"",
		"[[a]]\nb = 1\n[a.c]\n[[a]]\nb = 1\n[a.c]\n",
		"a.b = 1\na.c = 2\n\"a.b\" = 3\n",
		"a = -1.5e3\nb = 1979-05-27 07:32:00Z\nc = inf\nd = 1979-05-27T07:32:00Z\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		unsigned int line;
		const char *what;

		test_true(toml_check(good[i], &line, &what));
	}
}

static void what_is_none_is_said_where(void)
{
	static const struct {
		const char *text, *what;
		unsigned int line;
	} bad[] = {
		{"version", "there is no =", 1},
		{"a = 1\n{", "there is no name", 2},
		{"a = \"x\nb = 1\n", "a string has no end", 1},
		{"a = \"\"\"\nb = 1\n", "a string has no end", 3},
		{"\na = [1 2]", "an array has no end, or no comma", 2},
		{"a = [\n", "there is no value, or one without quotation marks", 2},
		{"a = { b = 1", "an inline table has no end, or no comma", 1},
		{"a = yes", "there is no value, or one without quotation marks", 1},
		{"[a\n", "a table's name has no ]", 1},
		{"[[a]\n", "a table's name has no ]", 1},
		{"[]\n", "there is no name", 1},
		{"a = 1 b = 2", "there is something behind the value", 1},
		{"[a]\nx = 1\n\n[b]\n[ \"a\" ]\n", "this is defined twice", 5},
		{"[a]\nx = 1\nx = [\n1\n]\n", "this is defined twice", 3},
		{"[a]\n[[a]]\n", "this is defined twice", 2},
		{"[a]\nb = {c = 1}\n[a.b]\n", "this is defined twice", 3},
		{"[a]\nb = {c = 1}\n[a.b.d]\n", "this is in what is no table, or an inline one", 3},
		{"a = 1\na.b = 1\n", "this is in what is no table, or an inline one", 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *what = NULL;
		unsigned int line = 0;

		test_true(!toml_check(bad[i].text, &line, &what));
		test_str(what, bad[i].what);
		test_int(line, bad[i].line);
	}
}

static void what_is_deep_ends(void)
{
	char text[10001];
	const char *what = NULL;
	unsigned int line;

	memset(text, '[', sizeof(text) - 1);
	text[0] = 'a';
	text[1] = '=';
	text[sizeof(text) - 1] = '\0';
	test_true(!toml_check(text, &line, &what));
	test_str(what, "this is too deep");
}

int main(void)
{
	test_run(what_is_toml_is_taken);
	test_run(what_is_none_is_said_where);
	test_run(what_is_deep_ends);
	return 0;
}
