/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shell-word.h"

#include "base/mem.h"
#include "base/test.h"

static void words_are_quoted_where_they_need_it(void)
{
	static const char *const words[][2] = {
		{"/opt/caisson/bin/caisson", "/opt/caisson/bin/caisson"},
		{"", "''"},
		{"/home/a b/caisson", "'/home/a b/caisson'"},
		{"~/x", "'~/x'"},
		{"$(x)`y`\"\\", "'$(x)`y`\"\\'"},
		{"it's", "'it'\\''s'"},
		{"''''", "''\\'''\\'''\\'''\\'''"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		_cleanup_free_ char *word = shell_word(words[i][0]);

		test_str(word, words[i][1]);
	}
}

int main(void)
{
	test_run(words_are_quoted_where_they_need_it);
	return 0;
}
