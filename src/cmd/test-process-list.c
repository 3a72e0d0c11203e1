/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/process-list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"

static char *printed(const struct process_list *list, uint64_t now)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size), *before = stdout;

	test_true(out);
	stdout = out;
	process_list_print(list, now);
	stdout = before;
	(void)fclose(out);
	return text;
}

static void processes_are_shown(void)
{
	static const char told[] = "0 1 0 0 1700000000 3723000 init --all\0"
				   "1000 7 1 34817 1699000000 0 \x1b[2Jsh -c  two\0";
	struct process_list list;
	char *text;

	test_int(process_list_parse(told, sizeof(told) - 1, &list), 0);
	test_int((int)list.n, 2);
	(void)setenv("TZ", "UTC", 1);
	text = printed(&list, 1700007446);
	test_str(text, "UID          PID    PPID  C STIME TTY          TIME CMD\n"
		       "0              1       0 50 22:13 ?        01:02:03 init --all\n"
		       "1000           7       1  0 Nov03 pts/1    00:00:00 ?[2Jsh -c  two\n");
	free(text);
	process_list_done(&list);
	process_list_done(&list);
}

static void nonsense_is_refused(void)
{
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
		{"", 1},
		{"0 1 0 0 0 0 cut off", 19},
		{"0 1 0 0 0", 10},
		{"x 1 0 0 0 0 sh", 15},
		{"0 1 0 0 0 0 good\0bad", 21},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct process_list list;

		test_int(process_list_parse(bad[i].text, bad[i].len, &list), -EPROTO);
		process_list_done(&list);
	}
}

static void there_may_be_none(void)
{
	struct process_list list;

	test_int(process_list_parse("", 0, &list), 0);
	test_int((int)list.n, 0);
	process_list_done(&list);
}

int main(void)
{
	test_run(processes_are_shown);
	test_run(nonsense_is_refused);
	test_run(there_may_be_none);
	return 0;
}
