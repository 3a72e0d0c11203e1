/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/cmdline.h"

#include <errno.h>
#include <stddef.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/parse.h"

static int parse_number(const char *value, void *ret)
{
	/* The last number is VMADDR_PORT_ANY. */
	return parse_u32(value, 1, UINT32_MAX - 1, ret) < 0 ? -EINVAL : 0;
}

static int parse_flag(const char *value, void *ret)
{
	uint32_t flag;

	if (parse_u32(value, 0, 1, &flag) < 0)
		return -EINVAL;
	*(bool *)ret = flag;
	return 0;
}

static int parse_text(const char *value, void *ret)
{
	*(const char **)ret = value;
	return 0;
}

#define AT(member) offsetof(struct cmdline, member)

static const struct {
	const char *prefix;
	int (*parse)(const char *value, void *ret);
	size_t at;
} words[] = {
	{ABI_CMDLINE_PORT, parse_number, AT(port)},
	{ABI_CMDLINE_METADATA, parse_number, AT(metadata_port)},
	{ABI_CMDLINE_DISKS, parse_text, AT(disks)},
	{ABI_CMDLINE_EXTRAS, parse_flag, AT(extras)},
	{ABI_CMDLINE_PROBE, parse_flag, AT(probe)},
};

static int parse_word(struct cmdline *cmdline, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *value = str_starts(word, words[i].prefix);

		if (value)
			return words[i].parse(value, (char *)cmdline + words[i].at);
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
