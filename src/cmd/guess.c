/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/guess.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "image/text.h"

/* One letter wrong, missing or too many, or two in the wrong order. */
static bool is_slip(const char *typed, const char *meant)
{
	while (*typed && *typed == *meant) {
		typed++;
		meant++;
	}
	if (!*typed || !*meant)
		return strlen(typed) + strlen(meant) == 1;
	return strcmp(typed + 1, meant) == 0 || strcmp(typed, meant + 1) == 0 ||
	       strcmp(typed + 1, meant + 1) == 0 ||
	       (typed[0] == meant[1] && typed[1] == meant[0] && strcmp(typed + 2, meant + 2) == 0);
}

const char *guess_command(const char *word, const struct command *const *commands, size_t n,
			  const struct guess *known)
{
	for (; known->word; known++)
		if (strcmp(word, known->word) == 0)
			return known->here;
	for (size_t i = 0; i < n; i++) {
		const char *space = strrchr(commands[i]->name, ' ');

		if (is_slip(word, space ? space + 1 : commands[i]->name))
			return commands[i]->name;
	}
	return NULL;
}

int guess_refusal(const char *group, const char *word, const char *meant, struct err *err)
{
	if (meant)
		return err_set(err, -EINVAL, "unknown command \"%s%s\": did you mean `caisson %s`?",
			       group, text_of(word), meant);
	return err_set(err, -EINVAL, "unknown command \"%s%s\": see `caisson %s--help`", group,
		       text_of(word), group);
}
