/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/service-variable.h"

#include <ctype.h>
#include <string.h>

#include "base/macro.h"

/* Take @end off the end of a name, where it is. */
static bool take_end(const char *name, size_t *len, const char *end)
{
	size_t n = strlen(end);

	if (*len < n || strncmp(name + *len - n, end, n) != 0)
		return false;
	*len -= n;
	return true;
}

static bool take_one(const char *name, size_t *len, const char *const ends[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (take_end(name, len, ends[i]))
			return true;
	return false;
}

/* X_PORT_80_TCP, and what there is of that */
static bool is_of_port(const char *name, size_t len)
{
	static const char *const parts[] = {"_PROTO", "_PORT", "_ADDR"};
	static const char *const protocols[] = {"_TCP", "_UDP", "_SCTP"};
	size_t end;

	(void)take_one(name, &len, parts, ARRAY_SIZE(parts));
	if (!take_one(name, &len, protocols, ARRAY_SIZE(protocols)))
		return false;
	for (end = len; len > 0 && isdigit((unsigned char)name[len - 1]);)
		len--;
	return len < end && take_end(name, &len, "_PORT_") && len > 0;
}

/* Its value tells it from what others call a port: tcp://10.0.0.1:80 */
static bool is_url(const char *name, size_t len, const char *value)
{
	return take_end(name, &len, "_PORT") && len > 0 && strstr(value, "://");
}

static bool is_service(const char *name, size_t len)
{
	static const char *const ends[] = {"_SERVICE_HOST", "_SERVICE_PORT"};
	static const char named[] = "_SERVICE_PORT_";
	const char *at = memmem(name, len, named, sizeof(named) - 1);

	if (at && at > name && (size_t)(at - name) + sizeof(named) - 1 < len)
		return true;
	return take_one(name, &len, ends, ARRAY_SIZE(ends)) && len > 0;
}

bool service_variable(const char *word)
{
	size_t len = strcspn(word, "=");

	return word[len] == '=' && (is_service(word, len) || is_of_port(word, len) ||
				    is_url(word, len, word + len + 1));
}
