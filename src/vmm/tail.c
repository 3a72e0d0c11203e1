/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/tail.h"

#include <stdio.h>
#include <string.h>

void tail_init(struct tail *tail, const char *program)
{
	const char *slash = strrchr(program, '/');

	memset(tail, 0, sizeof(*tail));
	(void)snprintf(tail->prefix, sizeof(tail->prefix), "%s:", slash ? slash + 1 : program);
}

/* A program started by its path may put that in front, or only its last part. */
static const char *after_prefix(const struct tail *tail, const char *line)
{
	const char *colon = strchr(line, ':'), *at = colon;
	size_t n = strlen(tail->prefix);

	while (at && at > line && at[-1] != '/')
		at--;
	return at && strncmp(at, tail->prefix, n) == 0 ? at : NULL;
}

static void end_line(struct tail *tail)
{
	const char *named;

	if (tail->len == 0)
		return;
	tail->line[tail->len] = '\0';
	tail->len = 0;
	if (!tail->any)
		memcpy(tail->first, tail->line, sizeof(tail->first));
	tail->any = true;
	named = after_prefix(tail, tail->line);
	if (named)
		memmove(tail->named, named, strlen(named) + 1);
}

void tail_feed(struct tail *tail, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		if (c == '\n') {
			end_line(tail);
			continue;
		}
		if (c == '\r')
			continue;
		if (tail->len < sizeof(tail->line) - 1)
			tail->line[tail->len++] = c < ' ' || c > '~' ? '?' : c;
	}
}

const char *tail_message(struct tail *tail)
{
	end_line(tail);
	return tail->named[0] ? tail->named : tail->first;
}
