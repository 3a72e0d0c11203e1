/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/standin.h"

#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "base/proc.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool standin_fits(const char *program, const char *library)
{
	_cleanup_free_ char *path =
		xasprintf("LD_LIBRARY_PATH=%.*s", (int)(base_name(library) - library), library);
	/* Whatever it wants is looked for at once. */
	char now[] = "LD_BIND_NOW=1", *const env[] = {path, now, NULL};
	const char *const argv[] = {program, "--version", NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	struct proc proc = PROC_NULL;

	/* What is special to the loader in such a path: it would find the host's (ld.so(8)). */
	if (strpbrk(path, ":;$"))
		return false;
	spec.argv = argv;
	spec.env = env;
	spec.death_signal = SIGKILL;
	return proc_start(&spec, &proc) == 0 && proc_wait(&proc) == 0;
}

bool standin_is_for(const char *library, const char *path)
{
	return strcmp(base_name(library), base_name(path)) == 0;
}
