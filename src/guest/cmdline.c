/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/cmdline.h"

#include <errno.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/parse.h"

static int parse_port(struct cmdline *cmdline, const char *value)
{
	/* The last number is VMADDR_PORT_ANY. */
	return parse_u32(value, 1, UINT32_MAX - 1, &cmdline->port) < 0 ? -EINVAL : 0;
}

static int parse_probe(struct cmdline *cmdline, const char *value)
{
	uint32_t probe;

	if (parse_u32(value, 0, 1, &probe) < 0)
		return -EINVAL;
	cmdline->probe = probe;
	return 0;
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

int cmdline_parse(const char *const *env, struct cmdline *ret)
{
	struct cmdline cmdline = {.port = ABI_PORT_RPC};
	int r = 0;

	for (; *env && r == 0; env++)
		r = parse_word(&cmdline, *env);
	if (r == 0)
		*ret = cmdline;
	return r;
}
