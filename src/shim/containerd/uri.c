/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/uri.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *p = c ? strchr(digits, c) : NULL;

	if (!p)
		return -EINVAL;
	return p - digits < 16 ? (int)(p - digits) : (int)(p - digits) - 6;
}

char *uri_decode(const char *text, size_t len, bool query)
{
	char *ret = xmalloc(len + 1), *to = ret;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		*to++ = query && text[i] == '+' ? ' ' : text[i];
		if (text[i] != '%')
			continue;
		high = i + 2 < len ? hex_digit(text[i + 1]) : -EINVAL;
		low = high < 0 ? high : hex_digit(text[i + 2]);
		if (low < 0 || (high | low) == 0) {
			free(ret);
			return NULL;
		}
		to[-1] = (char)(high << 4 | low);
		i += 2;
	}
	*to = '\0';
	return ret;
}
