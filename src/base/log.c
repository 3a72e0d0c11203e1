/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *log_program = "caisson";
static int log_fd = STDERR_FILENO;
static enum log_level log_max = LOG_LEVEL_WARN;

void log_init(const char *program, int fd, enum log_level level)
{
	log_program = program;
	log_fd = fd;
	log_max = level;
}

void log_message(enum log_level level, const char *fmt, ...)
{
	int saved_errno = errno;
	char line[2048];
	va_list ap;
	int n, m;

	if (level > log_max)
		return;
	n = snprintf(line, sizeof(line), "%s: ", log_program);
	if (n < 0 || (size_t)n >= sizeof(line))
		return;
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	n = MIN(n + m, (int)sizeof(line) - 2);
	line[n++] = '\n';
	/* Nothing can be done about a log that cannot be written. */
	if (write(log_fd, line, (size_t)n) < 0)
		(void)0;
	errno = saved_errno;
}
