/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/cmdline.h"

#include <errno.h>
#include <string.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/parse.h"

#define SPACE " \t\n"
/* Longer words are none of ours. */
#define WORD_MAX 64

static int parse_port(struct cmdline *cmdline, const char *value)
{
	/* The last number is VMADDR_PORT_ANY. */
	return parse_u32(value, 1, UINT32_MAX - 1, &cmdline->port) < 0 ? -EINVAL : 0;
}

static int parse_probe(struct cmdline *cmdline, const char *value)
{
	cmdline->probe = true;
	return *value ? -EINVAL : 0;
}

static const struct {
	const char *prefix;
	int (*parse)(struct cmdline *cmdline, const char *value);
} words[] = {
	{ABI_CMDLINE_PORT, parse_port},
	{ABI_CMDLINE_PROBE, parse_probe},
};

static int parse_word(struct cmdline *cmdline, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *value = str_starts(word, words[i].prefix);

		if (value)
			return words[i].parse(cmdline, value);
	}
	return 0;
}

int cmdline_parse(const char *text, struct cmdline *ret)
{
	struct cmdline cmdline = {.port = ABI_PORT_RPC};
	char word[WORD_MAX];
	size_t len;
	int r;

	for (text += strspn(text, SPACE); *text; text += strspn(text, SPACE)) {
		len = strcspn(text, SPACE);
		if (len < sizeof(word)) {
			memcpy(word, text, len);
			word[len] = '\0';
			r = parse_word(&cmdline, word);
			if (r < 0)
				return r;
		}
		text += len;
	}
	*ret = cmdline;
	return 0;
}
