/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base/mem.h"
#include "base/test.h"
#include "cmd/table.h"

static const struct {
	uint64_t bytes;
	const char *text;
} sizes[] = {
	{0, "0B"},	    {999, "999B"},	  {1000, "1.00kB"},	  {9994, "9.99kB"},
	{9996, "10.0kB"},   {99940, "99.9kB"},	  {99960, "100kB"},	  {999499, "999kB"},
	{999500, "1.00MB"}, {324000000, "324MB"}, {UINT64_MAX, "18.4EB"},
};

static void sizes_have_three_digits(void)
{
	char buf[16];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		table_size(sizes[i].bytes, buf, sizeof(buf));
		test_str(buf, sizes[i].text);
	}
}

static void ages_have_one_unit(void)
{
	int64_t now = time(NULL);
	char buf[40];

	/* An hour more than what is shown, so that the time this takes does not matter. */
	table_age(now - 3 * 86400 - 3600, buf, sizeof(buf));
	test_str(buf, "3 days ago");
	table_age(now - 86400 - 3600, buf, sizeof(buf));
	test_str(buf, "1 day ago");
	table_age(now + 86400, buf, sizeof(buf));
	test_str(buf, "0 seconds ago");
}

static void nothing_moves_the_cursor(void)
{
	_cleanup_free_ char *text = table_printable("a\033[2J\n\x7f\xc2\x9b\xc3\xa4");

	test_str(text, "a?[2J??\?\?\xc3\xa4");
}

static void columns_grow_with_what_is_in_them(void)
{
	test_int(table_width("abc", 2, 4), 3);
	test_int(table_width("\xc3\xa4\xc3\xa4", 1, 4), 2);
	test_int(table_width("abcde", 2, 4), 4);
	test_int(table_width("", 2, 4), 2);
}

int main(void)
{
	test_run(sizes_have_three_digits);
	test_run(ages_have_one_unit);
	test_run(nothing_moves_the_cursor);
	test_run(columns_grow_with_what_is_in_them);
	return 0;
}
