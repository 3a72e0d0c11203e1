/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/cmdline.h"

#include <errno.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/parse.h"

static int parse_number(const char *value, uint32_t *ret)
{
	/* The last number is VMADDR_PORT_ANY. */
	return parse_u32(value, 1, UINT32_MAX - 1, ret) < 0 ? -EINVAL : 0;
}

static int parse_flag(const char *value, bool *ret)
{
	uint32_t flag;

	if (parse_u32(value, 0, 1, &flag) < 0)
		return -EINVAL;
	*ret = flag;
	return 0;
}

static int parse_port(struct cmdline *cmdline, const char *value)
{
	return parse_number(value, &cmdline->port);
}

static int parse_metadata(struct cmdline *cmdline, const char *value)
{
	return parse_number(value, &cmdline->metadata_port);
}

static int parse_disks(struct cmdline *cmdline, const char *value)
{
	cmdline->disks = value;
	return 0;
}

static int parse_extras(struct cmdline *cmdline, const char *value)
{
	return parse_flag(value, &cmdline->extras);
}

static int parse_probe(struct cmdline *cmdline, const char *value)
{
	return parse_flag(value, &cmdline->probe);
}

static const struct {
	const char *prefix;
	int (*parse)(struct cmdline *cmdline, const char *value);
} words[] = {
	{ABI_CMDLINE_PORT, parse_port},	  {ABI_CMDLINE_METADATA, parse_metadata},
	{ABI_CMDLINE_DISKS, parse_disks}, {ABI_CMDLINE_EXTRAS, parse_extras},
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
	struct cmdline cmdline = {
		.port = ABI_PORT_RPC,
		.metadata_port = ABI_PORT_SUPERVISOR,
	};
	int r = 0;

	for (; *env && r == 0; env++)
		r = parse_word(&cmdline, *env);
	if (r == 0)
		*ret = cmdline;
	return r;
}
