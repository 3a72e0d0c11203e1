/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/table.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"
#include "base/mem.h"

/*
 * Bytes of a control character (ISO 6429): C0 and DEL, or C1, which UTF-8 has as 0xc2 0x80 to 0x9f.
 */
static size_t control_len(const char *s)
{
	const unsigned char *c = (const unsigned char *)s;

	if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
		return 2;
	return c[0] < 0x20 || c[0] == 0x7f;
}

char *table_printable(const char *s)
{
	char *copy = xstrdup(s), *p = copy;

	while (*p) {
		size_t len = control_len(p);

		memset(p, '?', len);
		p += len ? len : 1;
	}
	return copy;
}

static bool begins_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

static size_t count_characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += begins_character(*s);
	return n;
}

/* What comes after @n characters of UTF-8. */
static const char *skip_characters(const char *s, size_t n)
{
	while (*s && (n > 0 || !begins_character(*s)))
		n -= begins_character(*s++);
	return s;
}

void table_cell(const char *text, size_t width, bool keep_end)
{
	size_t n = count_characters(text);

	if (n <= width)
		printf("%s%*s ", text, (int)(width - n), "");
	else if (keep_end)
		printf("...%s ", skip_characters(text, n - (width - 3)));
	else
		printf("%.*s ", (int)(skip_characters(text, width) - text), text);
}

size_t table_width(const char *text, size_t width, size_t max)
{
	return MAX(width, MIN(count_characters(text), max));
}

void table_age(int64_t created, char *buf, size_t size)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	int64_t age = MAX((int64_t)time(NULL) - created, INT64_C(0));

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		int64_t n = age / units[i].seconds;

		if (n == 0 && units[i].seconds > 1)
			continue;
		(void)snprintf(buf, size, "%lld %s%s ago", (long long)n, units[i].unit,
			       n == 1 ? "" : "s");
		return;
	}
}

/* As Docker: decimal units, three digits. */
void table_size(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double n = (double)bytes;
	size_t i = 0;

	for (; n >= (i == 0 ? 1000 : 999.5); i++)
		n /= 1000;
	(void)snprintf(buf, size, "%.*f%s",
		       i == 0 || n >= 99.95 ? 0
		       : n >= 9.995	    ? 1
					    : 2,
		       n, units[i]);
}
