/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/cmdline.h"

#include <string.h>

#include "abi/abi.h"
#include "base/mem.h"

static void add_all(struct strv *line, const char *const *words)
{
	for (; words && *words; words++)
		if (**words)
			strv_add(line, *words);
}

static char *join(const struct strv *words)
{
	size_t len = 1;
	char *line, *p;

	for (size_t i = 0; i < words->n; i++)
		len += strlen(words->v[i]) + 1;
	line = p = xmalloc(len);
	*line = '\0';
	for (size_t i = 0; i < words->n; i++) {
		if (i)
			*p++ = ' ';
		p = stpcpy(p, words->v[i]);
	}
	return line;
}

char *vmm_cmdline(const struct vmm_spec *spec, const char *const *own, size_t reserve)
{
	/* ABI: the guest ends by a reset, after a panic too. */
	static const char *const always[] = {"console=ttyS0", "8250.nr_uarts=1", "panic=-1",
					     "rdinit=/init",
					     /* An interface that nobody made. */
					     "dummy.numdummies=0",
					     /* For who keeps the name it finds. */
					     "hostname=localhost", NULL};
	_cleanup_strv_ struct strv words = STRV_NULL;
	_cleanup_free_ char *line = NULL;

	/* The last one is /dev/console. */
	if (spec->pc)
		strv_add(&words, "console=tty0");
	add_all(&words, always);
	strv_add(&words, spec->verbose ? "ignore_loglevel" : "quiet");
	add_all(&words, own);
	add_all(&words, spec->cmdline);
	line = join(&words);
	return strlen(line) + reserve >= ABI_CMDLINE_MAX ? NULL : take_ptr(line);
}
