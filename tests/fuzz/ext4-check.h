/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test-proc.h"
#include "image/build.h"

/* Ends a file system that was built in @fd, and has e2fsck find nothing in it. */
static void ext4_check(struct ext4 *fs, int fd)
{
	const struct ext4_finish how = {.identity = "fuzz"};
	struct proc_spec spec = PROC_SPEC_NULL;
	_cleanup_free_ char *output = NULL;
	char path[64];
	const char *argv[] = {"e2fsck", "-fn", path, NULL};
	uint64_t needed;

	if (ext4_finish(fs, &how, &needed) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	spec.argv = argv;
	if (test_proc_run(&spec, &output) == 0)
		return;
	fprintf(stderr, "%s\n", output ? output : "e2fsck does not start");
	abort();
}
