/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/macro.h"

static int parse_digits(const char *s, uint64_t *ret, const char **ret_rest)
{
	char *end;
	unsigned long long v;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno)
		return -errno;
	*ret = v;
	*ret_rest = end;
	return 0;
}

int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *rest;
	uint64_t v;
	int r = parse_digits(s, &v, &rest);

	if (r < 0)
		return r;
	if (*rest)
		return -EINVAL;
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t v;
	int r = parse_u64(s, min, max, &v);

	if (r == 0)
		*ret = (uint32_t)v;
	return r;
}

int parse_size(const char *s, uint64_t *ret_bytes)
{
	static const char units[] = "kmgt";
	const char *rest, *unit;
	uint64_t v, shift = 0;
	int r = parse_digits(s, &v, &rest);

	if (r < 0)
		return r;
	unit = *rest ? strchr(units, tolower((unsigned char)*rest)) : NULL;
	if (unit) {
		shift = 10 * (uint64_t)(unit - units + 1);
		rest++;
		if (*rest == 'i')
			rest++;
	}
	if (*rest == 'b' || *rest == 'B')
		rest++;
	if (*rest)
		return -EINVAL;
	if (v > (UINT64_MAX >> shift))
		return -ERANGE;
	*ret_bytes = v << shift;
	return 0;
}

const char *str_starts(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool str_is_choice(const char *choices, const char *word)
{
	size_t len = strlen(word);

	for (const char *c = choices;; c += strcspn(c, "|") + 1) {
		if (strcspn(c, "|") == len && strncmp(c, word, len) == 0)
			return true;
		if (!strchr(c, '|'))
			return false;
	}
}

bool str_has_word(const char *list, const char *gaps, const char *word, size_t len)
{
	for (; *list; list += strcspn(list, gaps), list += strspn(list, gaps))
		if (strcspn(list, gaps) == len && strncmp(list, word, len) == 0)
			return true;
	return false;
}

#define SIGNAL(name) [SIG##name] = #name
static const char *const signal_names[] = {
	SIGNAL(HUP),  SIGNAL(INT),    SIGNAL(QUIT), SIGNAL(ILL),    SIGNAL(TRAP), SIGNAL(ABRT),
	SIGNAL(BUS),  SIGNAL(FPE),    SIGNAL(KILL), SIGNAL(USR1),   SIGNAL(SEGV), SIGNAL(USR2),
	SIGNAL(PIPE), SIGNAL(ALRM),   SIGNAL(TERM), SIGNAL(STKFLT), SIGNAL(CHLD), SIGNAL(CONT),
	SIGNAL(STOP), SIGNAL(TSTP),   SIGNAL(TTIN), SIGNAL(TTOU),   SIGNAL(URG),  SIGNAL(XCPU),
	SIGNAL(XFSZ), SIGNAL(VTALRM), SIGNAL(PROF), SIGNAL(WINCH),  SIGNAL(IO),	  SIGNAL(PWR),
	SIGNAL(SYS),
};

/* Real-time signals as the kernel numbers them: what a container image means by SIGRTMIN+3. */
#define KERNEL_RTMIN 34
#define KERNEL_RTMAX 64

static int signal_from_rt(const char *name)
{
	const char *rest;
	uint32_t n;

	if (strcasecmp(name, "RTMIN") == 0)
		return KERNEL_RTMIN;
	if (strcasecmp(name, "RTMAX") == 0)
		return KERNEL_RTMAX;
	if (strncasecmp(name, "RTMIN+", 6) == 0) {
		rest = name + 6;
		return parse_u32(rest, 0, KERNEL_RTMAX - KERNEL_RTMIN, &n) ? -EINVAL
									   : KERNEL_RTMIN + (int)n;
	}
	if (strncasecmp(name, "RTMAX-", 6) == 0) {
		rest = name + 6;
		return parse_u32(rest, 0, KERNEL_RTMAX - KERNEL_RTMIN, &n) ? -EINVAL
									   : KERNEL_RTMAX - (int)n;
	}
	return -EINVAL;
}

int signal_from_name(const char *name)
{
	uint32_t n;

	if (isdigit((unsigned char)*name))
		return parse_u32(name, 1, KERNEL_RTMAX, &n) ? -EINVAL : (int)n;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 1; i < ARRAY_SIZE(signal_names); i++)
		if (signal_names[i] && strcasecmp(name, signal_names[i]) == 0)
			return (int)i;
	return signal_from_rt(name);
}
