/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/cmd.h"
#include "cmd/layer.h"
#include "image/output.h"

struct export_options {
	const char *output;
};

static const struct opt options[] = {
	OPT(export_options, 'o', "output", OPT_STRING, output, "FILE",
	    "write the tar to FILE, not to stdout"),
	{.kind = OPT_END},
};

static bool to_stdout(const struct export_options *o)
{
	return !o->output || strcmp(o->output, "-") == 0;
}

static int check(const struct export_options *o, char **words, struct err *err)
{
	if (opts_check_words(&command_export, words, 1, 1, "which container?", err) < 0)
		return -EINVAL;
	if (to_stdout(o) && isatty(STDOUT_FILENO))
		return err_set(err, -EINVAL,
			       "a tar is nothing for a terminal: name a file with -o, or redirect "
			       "stdout");
	return 0;
}

static int export_to(struct visit *visit, int fd, const char *name, struct err *err)
{
	int r = layer_export(visit, fd_put, &fd, err);

	/* What has no message yet is what fd_put() said; that a reader has left is no failure. */
	if (r == -EPIPE && err->code == 0 && fd == STDOUT_FILENO)
		return 0;
	return r < 0 && err->code == 0 ? err_errno(err, r, "cannot write %s", name) : r;
}

static int export(struct visit *visit, const struct export_options *o, struct err *err)
{
	_cleanup_output_ struct output out = OUTPUT_NULL;
	int r;

	if (to_stdout(o))
		return export_to(visit, STDOUT_FILENO, "to stdout", err);
	r = output_open(&out, o->output, err);
	if (r == 0)
		r = export_to(visit, out.fd, o->output, err);
	return r == 0 ? output_commit(&out, err) : r;
}

static int export_main(const struct command *self, int argc, char **argv)
{
	struct export_options o = {.output = NULL};
	struct visit visit = VISIT_NULL;
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &o, &err), r;

	r = at < 0 ? at : check(&o, argv + at, &err);
	if (r == 0)
		r = visit_find(&visit, argv[at], &err);
	if (r == 0)
		r = export(&visit, &o, &err);
	r = r < 0 ? cmd_fail(self, &err) : 0;
	visit_end(&visit);
	return r;
}

const struct command command_export = {
	.name = "export",
	.usage = "[OPTIONS] NAME",
	.summary = "Write a container's whole root file system out as a tar.",
	.details = "Without what is mounted in it. One that runs is not stopped meanwhile.\n",
	.opts = options,
	.failure = 1,
	.run = export_main,
};
