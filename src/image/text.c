/* SPDX-License-Identifier: Apache-2.0 */
#include "image/text.h"

#include <stdio.h>
#include <string.h>

/* One byte becomes at most four. */
#define HEAD	 70
#define TAIL	 70
#define ELLIPSIS "[...]"

static char *put(char *out, const char *end, unsigned char c)
{
	if (end - out <= 4)
		return out;
	if (c >= 0x20 && c < 0x7f && c != '\\' && c != '\'') {
		*out++ = (char)c;
		return out;
	}
	return out + snprintf(out, 5, "\\x%02x", c);
}

static size_t shown_len(const char *s, size_t n)
{
	size_t len = 0;
	char buf[8];

	for (size_t i = 0; i < n; i++)
		len += (size_t)(put(buf, buf + sizeof(buf), (unsigned char)s[i]) - buf);
	return len;
}

const char *text_show(struct text *t, const char *s)
{
	char *out = t->s, *end = t->s + sizeof(t->s);
	size_t len, tail = 0;

	if (!s)
		s = "";
	/* Bounded before it is measured: the text may be megabytes long. */
	len = strnlen(s, sizeof(t->s));
	if (len < sizeof(t->s) && shown_len(s, len) < sizeof(t->s) - 4) {
		while (*s)
			out = put(out, end, (unsigned char)*s++);
		*out = '\0';
		return t->s;
	}
	while (out - t->s < HEAD)
		out = put(out, end, (unsigned char)*s++);
	memcpy(out, ELLIPSIS, sizeof(ELLIPSIS) - 1);
	out += sizeof(ELLIPSIS) - 1;
	len = strlen(s);
	while (tail < len && shown_len(s + len - tail - 1, tail + 1) <= TAIL)
		tail++;
	for (s += len - tail; *s; s++)
		out = put(out, end, (unsigned char)*s);
	*out = '\0';
	return t->s;
}
