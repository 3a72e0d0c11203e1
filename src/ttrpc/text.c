/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/text.h"

#include "base/macro.h"

/* The smallest code point that needs a sequence of this many bytes; shorter ones are overlong. */
static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};

/* Length that a first byte announces; 0 when it is none. */
static size_t sequence_len(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	if (first >= 0xf0 && first < 0xf5)
		return 4;
	return 0;
}

static bool code_point_ok(uint32_t c, size_t n)
{
	return !(c >= 0xd800 && c < 0xe000) && c >= smallest[n] && c <= 0x10ffff;
}

/* Control characters: DEL and C1, which some terminals obey, too. */
static bool harmless(uint32_t c)
{
	if (c < 0x20)
		return c == '\n' || c == '\t';
	return !(c >= 0x7f && c < 0xa0);
}

/* Bytes of the character at @s, or 0. */
static size_t take_character(const uint8_t *s, size_t len, uint32_t *ret)
{
	size_t n = sequence_len(s[0]);
	uint32_t c;

	if (n == 0 || n > len)
		return 0;
	c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	*ret = c;
	return code_point_ok(c, n) ? n : 0;
}

/* Bytes of the character at @s that may stay, or 0. */
static size_t valid_len(const uint8_t *s, size_t len)
{
	uint32_t c;
	size_t n = take_character(s, len, &c);

	return n > 0 && harmless(c) ? n : 0;
}

bool ttrpc_text_valid(const uint8_t *text, size_t len)
{
	uint32_t c;

	for (size_t i = 0, n; i < len; i += n) {
		n = text[i] < 0x80 ? 1 : take_character(text + i, len - i, &c);
		if (n == 0)
			return false;
	}
	return true;
}

void ttrpc_text_clean(char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = valid_len((const uint8_t *)text + i, len - i);

		if (n == 0) {
			text[i] = '?';
			n = 1;
		}
		i += n;
	}
}

void ttrpc_text_line(char *text, size_t len)
{
	ttrpc_text_clean(text, len);
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n' || text[i] == '\t')
			text[i] = ' ';
}
