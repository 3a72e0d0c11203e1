/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/cmdline.h"

#include <errno.h>

#include "base/test.h"

static struct cmdline parse(const char *first, const char *second)
{
	struct cmdline cmdline;

	test_int(cmdline_parse((const char *[]){first, second, NULL}, &cmdline), 0);
	return cmdline;
}

static void defaults(void)
{
	test_int(parse(NULL, NULL).port, 1024);
	test_int(parse("HOME=/", "TERM=linux").port, 1024);
	test_true(!parse("HOME=/", "TERM=linux").probe);
	test_true(!parse("HOME=/", "TERM=linux").extras);
	test_int(parse(NULL, NULL).metadata_port, 1027);
}

static void words_are_found(void)
{
	test_int(parse("HOME=/", "caisson_port=77").port, 77);
	test_true(parse("HOME=/", "caisson_probe=1").probe);
	test_true(parse("caisson_extras=1", NULL).extras);
	test_int(parse("caisson_metadata=99", NULL).metadata_port, 99);
	test_int(parse("caisson_metadata=99", NULL).port, 1024);
	test_true(!parse("caisson_probe=0", NULL).probe);
	test_int(parse("xcaisson_port=9", "caisson_port").port, 1024);
	test_true(!parse("caisson_prob=1", NULL).probe);
}

static void nonsense_is_refused(void)
{
	static const char *const bad[] = {
		"caisson_port=",      "caisson_port=0",	    "caisson_port=x1",
		"caisson_port=1x",    "caisson_port=-1",    "caisson_port=4294967295",
		"caisson_probe=2",    "caisson_probe=",	    "caisson_extras=2",
		"caisson_metadata=0", "caisson_extras=yes", "caisson_metadata=x",
	};
	struct cmdline cmdline;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		test_int(cmdline_parse((const char *[]){"HOME=/", bad[i], NULL}, &cmdline),
			 -EINVAL);
}

int main(void)
{
	test_run(defaults);
	test_run(words_are_found);
	test_run(nonsense_is_refused);
	return 0;
}
