/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

/* The first one: stdio only remembers that there was one. */
static int first_error;

static ssize_t write_out(void *cookie _unused_, const char *data, size_t len)
{
	int r = fd_write_full(STDOUT_FILENO, data, len);

	if (r < 0 && first_error == 0)
		first_error = r;
	return r < 0 ? 0 : (ssize_t)len;
}

void output_begin(void)
{
	FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_out});

	if (!out)
		return;
	if (isatty(STDOUT_FILENO))
		(void)setvbuf(out, NULL, _IOLBF, 0);
	stdout = out;
}

int output_end(int status, int failure)
{
	int r = fflush(stdout) == 0 ? 0 : -errno;

	if (first_error < 0)
		r = first_error;
	/* Some file systems tell only now. One that was closed from the start took nothing. */
	if (close(STDOUT_FILENO) < 0 && errno != EBADF && r == 0)
		r = -errno;
	if (r == 0 || r == -EPIPE)
		return status;
	fprintf(stderr, "caisson: cannot write to stdout: %s\n", strerror(-r));
	return failure;
}
