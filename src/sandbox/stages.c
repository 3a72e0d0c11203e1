/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "sandbox/hollow.h"

static bool is_told(const struct process *p)
{
	return !*p->exec_id && !hollow_is_one(p) && p->container->spec->stages;
}

static void tell(const struct process *p, const char *fmt, ...) _printf_(2, 3);

static void tell(const struct process *p, const char *fmt, ...)
{
	const struct record *record = p->container->record;
	_cleanup_close_ int fd = -EBADF;
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	log_debug("container %s: %s", p->container->spec->id, line);
	fd = openat(record->dir, RECORD_CONSOLE,
		    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	n = MIN(n, (int)sizeof(line) - 2);
	line[n++] = '\n';
	/* Of a log that cannot be written nobody could be told. */
	if (fd >= 0)
		(void)fd_write_full(fd, line, (size_t)n);
}

static size_t bytes_of(const struct strv *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += strlen(list->v[i]);
	return n;
}

void stage_captured(const struct process *p)
{
	const struct sandbox_spec *spec = p->container->spec;

	if (!is_told(p))
		return;
	if (spec->args.n == 0)
		tell(p, "entrypoint captured: the image has it");
	else
		tell(p, "entrypoint captured: %zu words of %zu bytes, %zu variables of %zu bytes",
		     spec->args.n, bytes_of(&spec->args), spec->env.n, bytes_of(&spec->env));
}

void stage_packed(const struct process *p, const char *what, size_t bytes)
{
	if (is_told(p))
		tell(p, "entrypoint packed: %s of %zu bytes for the guest", what, bytes);
}

void stage_read(const struct process *p, const struct process_result *result)
{
	if (is_told(p) && result->code == TTRPC_OK)
		tell(p, "entrypoint read: the guest has it as its process %u", p->pid);
	else if (is_told(p))
		tell(p, "entrypoint not read: %s", result->message);
}

void stage_executed(const struct process *p, const struct process_result *result)
{
	if (is_told(p) && result->code == TTRPC_OK)
		tell(p, "entrypoint executed: its program runs");
	else if (is_told(p))
		tell(p, "entrypoint not executed: %s", result->message);
}
