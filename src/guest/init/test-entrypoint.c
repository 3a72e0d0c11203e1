/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/entrypoint.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "base/test.h"

#define ARGS 4

static const struct {
	const char *text;
	size_t len;
	int n;
	const char *args[ARGS];
} files[] = {
	{"", 0, 0, {NULL}},
	{"a", 1, 1, {"a"}},
	{"a\n", 2, 1, {"a"}},
	{"\n", 1, 1, {""}},
	{"a\n\n b \n", 7, 3, {"a", "", " b "}},
	{"a\nb", 3, 2, {"a", "b"}},
	{"a\nb\0", 4, 1, {"a\nb"}},
	{"a\n\0\0b", 5, 3, {"a\n", "", "b"}},
	{"\0", 1, 1, {""}},
	{"a\nb\nc\nd\n", 8, 4, {"a", "b", "c", "d"}},
	{"a\nb\nc\nd\ne", 9, -E2BIG, {NULL}},
	{"a\nb\nc\nd\n\n", 9, -E2BIG, {NULL}},
};

static void test_files(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *args[ARGS + 1];
		char text[16] = "";

		memcpy(text, files[i].text, files[i].len);
		test_int(entrypoint_split(text, files[i].len, args, ARGS), files[i].n);
		for (int j = 0; j < files[i].n; j++)
			test_str(args[j], files[i].args[j]);
		test_true(files[i].n < 0 || !args[files[i].n]);
	}
}

int main(void)
{
	test_run(test_files);
	return 0;
}
