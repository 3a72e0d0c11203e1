/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/test.h"
#include "image/nameset.h"

static void names_are_found_in_their_folders(void)
{
	struct nameset s = NAMESET_NULL;
	char name[32];

	test_int(nameset_has(&s, 1, "a"), 0);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "%0*d", i % 20 + 1, i);
		nameset_add(&s, (uint64_t)i % 3, name);
		nameset_add(&s, (uint64_t)i % 3, name);
	}
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "%0*d", i % 20 + 1, i);
		test_int(nameset_has(&s, (uint64_t)i % 3, name), 1);
		test_int(nameset_has(&s, 3, name), 0);
	}
	test_int(nameset_has(&s, 1, ""), 0);
	nameset_done(&s);
	nameset_done(&s);
	test_int(nameset_has(&s, 1, "1"), 0);
}

static void no_two_sets_hash_alike(void)
{
	struct nameset a = NAMESET_NULL, b = NAMESET_NULL;
	size_t same = 0;

	nameset_add(&a, 1, "name");
	nameset_add(&b, 1, "name");
	for (size_t i = 0; i < a.size; i++)
		same += a.slots[i] && a.slots[i] == b.slots[i];
	test_int(same, 0);
	nameset_done(&a);
	nameset_done(&b);
}

int main(void)
{
	test_run(names_are_found_in_their_folders);
	test_run(no_two_sets_hash_alike);
	return 0;
}
