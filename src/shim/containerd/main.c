/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd-shim-caisson-v2: what containerd executes to have a shim started (`start`), and to have nothing left of
 * one (`delete`). What serves its Task API meanwhile is caisson-shim.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "shim/containerd/args.h"
#include "shim/containerd/start.h"

static int do_as_asked(const struct containerd_args *args, struct err *err)
{
	if (args->version) {
		puts("containerd-shim-caisson-v2 version " CAISSON_VERSION);
		return 0;
	}
	if (args->help) {
		containerd_args_help(stdout);
		return 0;
	}
	if (args->info)
		return containerd_info(err);
	if (strcmp(args->action, "start") == 0)
		return containerd_start(args, err);
	return containerd_delete(args, err);
}

/* What is on stderr becomes the text of containerd's error, after words of its own. */
int main(int argc, char **argv)
{
	struct containerd_args args;
	struct err err = ERR_NULL;
	int r = containerd_args_parse(argc, argv, &args, &err);

	(void)signal(SIGPIPE, SIG_IGN);
	if (r == 0)
		r = do_as_asked(&args, &err);
	if (r == 0)
		return 0;
	err_one_line(&err);
	fprintf(stderr, "%s\n", err.text);
	return 1;
}
