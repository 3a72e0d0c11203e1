/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macro.h"
#include "base/test.h"
#include "guest/cmdline.h"

/* Words of the kernel command line, as init's environment has them; in the input one a line. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmdline cmdline = {.port = 0};
	const char *words[WORDS_MAX + 1] = {NULL};
	char *text = malloc(size + 1), *rest = text;
	int r;

	test_true(text);
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < WORDS_MAX && rest; i++)
		words[i] = strsep(&rest, "\n");
	r = cmdline_parse(words, &cmdline);
	/* All or nothing; and never a port that nobody can listen on. */
	if (r < 0)
		test_int(cmdline.port, 0);
	else
		test_true(cmdline.port > 0 && cmdline.port < UINT32_MAX);
	free(text);
	return 0;
}
