/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/standin.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "base/proc.h"

#define PATIENCE_MS 10000

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Return: as proc_wait(), or -ETIMEDOUT. */
static int wait_for(struct proc *proc)
{
	struct pollfd ended = {.fd = proc->pidfd, .events = POLLIN};
	int r = poll(&ended, 1, PATIENCE_MS);

	if (r > 0)
		return proc_wait(proc);
	r = r < 0 ? -errno : -ETIMEDOUT;
	proc_done(proc);
	return r;
}

int standin_fits(const char *program, const char *library)
{
	_cleanup_free_ char *path =
		xasprintf("LD_LIBRARY_PATH=%.*s", (int)(base_name(library) - library), library);
	/* Whatever it wants is looked for at once. */
	char now[] = "LD_BIND_NOW=1", *const env[] = {path, now, NULL};
	const char *const argv[] = {program, "--version", NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	struct proc proc = PROC_NULL;
	int r;

	/* What is special to the loader in such a path: it would find the host's (ld.so(8)). */
	if (strpbrk(path, ":;$"))
		return 0;
	spec.argv = argv;
	spec.env = env;
	spec.death_signal = SIGKILL;
	r = proc_start(&spec, &proc);
	if (r == 0)
		r = wait_for(&proc);
	if (r > 128)
		return -EIO;
	return r < 0 ? r : r == 0;
}

bool standin_is_for(const char *library, const char *path)
{
	return strcmp(base_name(library), base_name(path)) == 0;
}
