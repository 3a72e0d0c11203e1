/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/modules.h"

#include <errno.h>

#include "base/mem.h"
#include "base/test.h"

static struct strv order;
static const char *missing;

/* The order as one string. */
static const char *closure(const char *dep, const char *builtin, const struct module_wanted *wanted,
			   int want)
{
	static char text[1024];
	int r;

	strv_done(&order);
	missing = "";
	r = modules_closure(dep, builtin, wanted, &order, &missing);
	if (r != want)
		test_fail("%d, not %d, for %s", r, want, dep);
	text[0] = '\0';
	for (size_t i = 0; i < order.n; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			       i ? " " : "", order.v[i]);
	return text;
}

static const struct module_wanted want_a[] = {{"a", true}, {NULL, false}};
static const struct module_wanted want_ab[] = {{"a", true}, {"b_c", false}, {NULL, false}};

static void needs_come_first_and_once(void)
{
	static const char dep[] = "k/x.ko:\n"
				  "k/a.ko: k/y.ko k/x.ko\n"
				  "k/b-c.ko.xz: k/x.ko  k/z.ko.xz\t\n"
				  "k/y.ko: k/x.ko\n"
				  "k/unused.ko: k/x.ko\n"
				  "k/z.ko.xz:";

	test_str(closure(dep, NULL, want_ab, 0), "k/x.ko k/y.ko k/a.ko k/z.ko.xz k/b-c.ko.xz");
}

static void builtin_ones_are_left_out(void)
{
	static const char dep[] = "k/b-c.ko:\n";

	test_str(closure(dep, "kernel/q/a.ko\n", want_ab, 0), "k/b-c.ko");
	test_str(closure(dep, "kernel/q/b_c.ko\nkernel/a.ko", want_ab, 0), "");
}

static void missing_ones(void)
{
	test_str(closure("", NULL, want_a, -ENOENT), "");
	test_str(missing, "a");
	test_str(closure("k/a.ko:", NULL, want_ab, 0), "k/a.ko");
	test_str(closure("k/aa.ko:\nk/a.k:\na:\n:\n\nk/a.kox:\nk/a\n", NULL, want_a, -ENOENT), "");
}

static void broken_lists(void)
{
	(void)closure("k/a.ko: k/nowhere.ko\n", NULL, want_a, -EBADMSG);
	(void)closure("k/a.ko: k/b.ko\nk/b.ko: k/a.ko\n", NULL, want_a, -ELOOP);
	(void)closure("k/a.ko: k/a.ko\n", NULL, want_a, -ELOOP);
}

static void long_chain(void)
{
	_cleanup_free_ char *dep = xstrdup("k/a.ko: k/m0.ko\n");
	char *longer;

	for (int i = 0; i < 2000; i++) {
		longer = xasprintf("%sk/m%d.ko: k/m%d.ko\n", dep, i, i + 1);
		free(dep);
		dep = longer;
	}
	(void)closure(dep, NULL, want_a, -ELOOP);
}

static void names(void)
{
	static const struct {
		const char *path, *name;
		bool is;
	} cases[] = {
		{"a.ko", "a", true},	  {"x/a-b.ko", "a_b", true}, {"x/a_b.ko.zst", "a_b", true},
		{"x/a.ko", "x/a", false}, {"a/b.ko", "a", false},    {"a.ko/b", "a", false},
		{"", "a", false},	  {"a", "a", false},	     {"a.koo", "a", false},
		{"ab.ko", "a", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (module_name_is(cases[i].path, strlen(cases[i].path), cases[i].name) !=
		    cases[i].is)
			test_fail("%s is %s?", cases[i].path, cases[i].name);
}

int main(void)
{
	test_run(names);
	test_run(needs_come_first_and_once);
	test_run(builtin_ones_are_left_out);
	test_run(missing_ones);
	test_run(broken_lists);
	test_run(long_chain);
	strv_done(&order);
	return 0;
}
