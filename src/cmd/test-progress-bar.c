/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/progress-bar.h"

#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/test.h"

#define NOW (50 * NSEC_PER_SEC)

static const struct progress_bar half = {
	.step = "unpacking layer 2 of 5",
	.begun = NOW - 2 * NSEC_PER_SEC,
	.done = 50000000,
	.total = 100000000,
};

static const char *line(const struct progress_bar *bar, unsigned int columns)
{
	static char text[PROGRESS_BAR_STEP_MAX];

	progress_bar_line(bar, NOW, columns, text);
	return text;
}

static void test_narrow_ones_get_less(void)
{
	test_str(line(&half, 200),
		 "unpacking layer 2 of 5  [====================                    ]"
		 "  "
		 " 50 %  25 MB/s");
	test_str(line(&half, 60), "unpacking layer 2 of 5  [========         ]   50 %  25 MB/s");
	test_str(line(&half, 53), "unpacking layer 2 of 5  [=====     ]   50 %  25 MB/s");
	test_str(line(&half, 52), "unpacking layer 2 of 5  [=========         ]   50 %");
	test_str(line(&half, 44), "unpacking layer 2 of 5  [=====     ]   50 %");
	test_str(line(&half, 43), "unpacking layer 2 of 5   50 %");
	test_str(line(&half, 30), "unpacking layer 2 of 5   50 %");
	test_str(line(&half, 29), "   50 %");
	test_str(line(&half, 8), "   50 %");
	test_str(line(&half, 7), "unpack");
	test_str(line(&half, 1), "");
	test_str(line(&half, 0), "");
}

static void test_no_line_is_too_long(void)
{
	struct progress_bar bar = half;

	for (unsigned int columns = 1; columns < 300; columns++) {
		memset(bar.step, 'x', sizeof(bar.step) - 1);
		for (size_t len = sizeof(bar.step) - 1; len-- > 0;) {
			bar.step[len] = '\0';
			test_true(strlen(line(&bar, columns)) < columns);
		}
	}
}

static void test_ends(void)
{
	struct progress_bar bar = half;

	bar.begun = NOW;
	bar.done = 0;
	test_str(line(&bar, 50), "unpacking layer 2 of 5  [                ]    0 %");
	bar.done = bar.total - 1;
	test_str(line(&bar, 50), "unpacking layer 2 of 5  [=============== ]   99 %");
	bar.done = bar.total;
	test_str(line(&bar, 50), "unpacking layer 2 of 5  [================]  100 %");
	bar.done = bar.total = UINT64_MAX - 1;
	test_str(line(&bar, 50), "unpacking layer 2 of 5  [================]  100 %");
}

static void test_what_is_not_known(void)
{
	struct progress_bar bar = half;

	bar.total = UINT64_MAX;
	test_str(line(&bar, 80), "unpacking layer 2 of 5  50 MB  25 MB/s");
	test_str(line(&bar, 31), "unpacking layer 2 of 5  50 MB");
	bar.begun = NOW;
	test_str(line(&bar, 80), "unpacking layer 2 of 5  50 MB");
	bar.total = 0;
	test_str(line(&bar, 80), "unpacking layer 2 of 5");
	test_str(line(&bar, 11), "unpacking ");
}

int main(void)
{
	test_run(test_narrow_ones_get_less);
	test_run(test_no_line_is_too_long);
	test_run(test_ends);
	test_run(test_what_is_not_known);
	return 0;
}
