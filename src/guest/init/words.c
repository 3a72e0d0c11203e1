/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/words.h"

#include <errno.h>
#include <stdbool.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One word, from @*from to @*to, which never gets ahead of it. Return: false: no end of a quote. */
static bool take_word(char **from, char **to)
{
	char *in = *from, *out = *to, quote = '\0';

	for (; *in && (quote || !is_blank(*in)); in++) {
		if (quote && *in == quote) {
			quote = '\0';
		} else if (!quote && (*in == '"' || *in == '\'')) {
			quote = *in;
		} else {
			if (*in == '\\' && quote != '\'' && in[1])
				in++;
			*out++ = *in;
		}
	}
	*from = in;
	*to = out;
	return quote == '\0';
}

int words_split(char *line, const char **words, size_t max)
{
	char *in = line, *out = line;
	size_t n = 0;
	bool more;

	for (;;) {
		while (is_blank(*in))
			in++;
		if (!*in)
			break;
		if (n == max)
			return -E2BIG;
		words[n++] = out;
		if (!take_word(&in, &out))
			return -EINVAL;
		/* The word's end may be where the next one is to be looked for. */
		more = *in != '\0';
		*out++ = '\0';
		in += more;
		if (!more)
			break;
	}
	words[n] = NULL;
	return (int)n;
}
