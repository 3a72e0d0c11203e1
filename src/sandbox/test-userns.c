/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/userns.h"

#include "base/test.h"

static const char text[] = "# comment\n"
			   "ann:100000:65536\n"
			   "bob:1:\n"
			   "bob::1\n"
			   "bob\n"
			   "bob:0:5\n"
			   "bob:4294967290:100\n"
			   "bob:200000:1000\n"
			   "bob:300000:2000\n"
			   "1007:400000:3000";

static void expect(const char *name, uid_t uid, uint32_t first, uint32_t count)
{
	struct userns_range range = {.first = 0, .count = 0};

	test_int(userns_range_of(text, name, uid, &range), count > 0);
	test_int(range.first, first);
	test_int(range.count, count);
}

static void ranges_are_found(void)
{
	expect("ann", 1000, 100000, 65536);
	/* The first that is one. */
	expect("bob", 1001, 200000, 1000);
	expect("carl", 1007, 400000, 3000);
	expect("an", 1002, 0, 0);
	expect("", 1002, 0, 0);
	expect("dora", 100, 0, 0);
}

int main(void)
{
	test_run(ranges_are_found);
	return 0;
}
