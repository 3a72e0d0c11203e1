/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shell-word.h"

#include <string.h>

#include "base/mem.h"

#define PLAIN                                                            \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" \
	"_@%+=:,./-"

char *shell_word(const char *word)
{
	/* A quotation mark takes four, and two are around all. */
	char *text, *at;

	if (*word && !word[strspn(word, PLAIN)])
		return xstrdup(word);
	at = text = xcalloc(strlen(word) + 1, 4);
	*at++ = '\'';
	for (; *word; word++)
		at = *word == '\'' ? stpcpy(at, "'\\''") : stpncpy(at, word, 1);
	*at = '\'';
	return text;
}
