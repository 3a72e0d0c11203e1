/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "cmd/cmd.h"

/* Whatever follows: who asks is told that it cannot be, not that an option is unknown. */
static int refuse(const struct command *self, int argc, char **argv)
{
	struct err err = ERR_NULL;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		opts_help(self);
		return 0;
	}
	(void)err_set(&err, -ENOTSUP, "%s: not supported: containers in VMs are not saved",
		      self->name);
	return cmd_fail(self, &err);
}

const struct command command_checkpoint = {
	.name = "checkpoint",
	.usage = "",
	.summary = "Not supported: said to callers of OCI runtimes.",
	.failure = 1,
	.run = refuse,
};

const struct command command_restore = {
	.name = "restore",
	.usage = "",
	.summary = "Not supported: said to callers of OCI runtimes.",
	.failure = 1,
	.run = refuse,
};
