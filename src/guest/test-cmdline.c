/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/cmdline.h"

#include <errno.h>

#include "base/test.h"

static struct cmdline parse(const char *text)
{
	struct cmdline cmdline;

	test_int(cmdline_parse(text, &cmdline), 0);
	return cmdline;
}

static void defaults(void)
{
	test_int(parse("").port, 1024);
	test_int(parse("console=ttyS0 quiet\n").port, 1024);
	test_true(!parse("console=ttyS0 quiet\n").probe);
}

static void words_are_found(void)
{
	test_int(parse("a caisson.port=77 b\n").port, 77);
	test_int(parse("caisson.port=1 caisson.port=2").port, 2);
	test_true(parse("quiet caisson.probe\n").probe);
	test_int(parse("xcaisson.port=9").port, 1024);
	test_true(!parse("caisson.prob").probe);
}

static void nonsense_is_refused(void)
{
	static const char *const bad[] = {
		"caisson.port=",   "caisson.port=0",	      "caisson.port=x1", "caisson.port=1x",
		"caisson.port=-1", "caisson.port=4294967295", "caisson.probe=1",
	};
	struct cmdline cmdline;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		test_int(cmdline_parse(bad[i], &cmdline), -EINVAL);
}

static void long_words_are_skipped(void)
{
	char text[2048];

	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 17, " caisson.port=5\n", 17);
	test_int(parse(text).port, 5);
}

int main(void)
{
	test_run(defaults);
	test_run(words_are_found);
	test_run(nonsense_is_refused);
	test_run(long_words_are_skipped);
	return 0;
}
