/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/port-option.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

static int fail(const char *text, struct err *err)
{
	return err_set(
		err, -EINVAL,
		"--publish %s: say HOSTPORT:PORT or IP:HOSTPORT:PORT, with one IPv4 address, one "
		"port on each side, and /udp behind them if it is not TCP",
		text);
}

/* Return: what is behind the last colon, which it takes off; or all of it. */
static char *take_last(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return text;
	*colon = '\0';
	return colon + 1;
}

int port_option(const char *text, char **ret, struct err *err)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *protocol = strchr(copy, '/'), *inside, *outside;
	uint32_t from, to;
	struct in_addr ip;

	if (protocol)
		*protocol++ = '\0';
	if (protocol && strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0)
		return fail(text, err);
	inside = take_last(copy);
	if (inside == copy || parse_u32(inside, 1, UINT16_MAX, &to) < 0)
		return fail(text, err);
	outside = take_last(copy);
	if (parse_u32(outside, 1, UINT16_MAX, &from) < 0)
		return fail(text, err);
	if (outside == copy)
		*ret = xasprintf("%u:%u/%s", from, to, protocol ? protocol : "tcp");
	else if (inet_pton(AF_INET, copy, &ip) == 1)
		*ret = xasprintf("%s:%u:%u/%s", copy, from, to, protocol ? protocol : "tcp");
	else
		return fail(text, err);
	return 0;
}
