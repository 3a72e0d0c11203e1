/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "abi/abi.h"
#include "base/parse.h"
#include "cmd/cmd.h"
#include "cmd/output.h"

static const struct command *const commands[] = {
	&command_run,	 &command_exec,	  &command_cp,	  &command_list,
	&command_logs,	 &command_kill,	  &command_wait,  &command_inspect,
	&command_state,	 &command_delete, &command_diff,  &command_commit,
	&command_export, &command_kernel, &command_image, &command_images,
};

int cmd_fail(const struct command *command, const struct err *err)
{
	fprintf(stderr, "caisson: %s\n", err->text);
	return command->failure;
}

int cmd_status_of(const struct err *err)
{
	/* Only what the guest says of the command counts, not a container that is not there. */
	if (!str_starts(err->text, ABI_COMMAND_MARK))
		return STATUS_CAISSON_FAILED;
	return err->code == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

int cmd_each(const struct command *command, char **names,
	     int (*one)(const struct paths *paths, const char *name, void *userdata,
			struct err *err),
	     void *userdata)
{
	struct paths paths = PATHS_NULL;
	struct err err = ERR_NULL;
	int status = 0;

	if (!*names) {
		err_set(&err, -EINVAL, "which container? See `caisson %s --help`", command->name);
		return cmd_fail(command, &err);
	}
	if (paths_init(&paths, &err) < 0)
		return cmd_fail(command, &err);
	for (; *names; names++)
		if (one(&paths, *names, userdata, &err) < 0)
			status = cmd_fail(command, &err);
	paths_done(&paths);
	return status;
}

static void help(FILE *out)
{
	fputs("Usage: caisson COMMAND [ARG...]\n\n"
	      "Runs each container in a microVM of its own.\n\nCommands:\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n`caisson COMMAND --help` says more of each. To begin with:\n"
	      "  caisson run --rm -it debian:12 bash\n",
	      out);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	fprintf(stderr, "caisson: unknown command \"%s\": see `caisson --help`\n", name);
	return STATUS_CAISSON_FAILED;
}

static int help_main(const char *topic)
{
	const struct command *command = topic ? find(topic) : NULL;

	if (topic && !command)
		return unknown(topic);
	if (command)
		opts_help(command);
	else
		help(stdout);
	return output_end(0, 1);
}

int main(int argc, char **argv)
{
	const struct command *command;

	/* A reader who leaves is an error of write(), not our end. */
	(void)signal(SIGPIPE, SIG_IGN);
	output_begin();
	if (argc < 2) {
		help(stderr);
		return STATUS_CAISSON_FAILED;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return help_main(argc > 2 ? argv[2] : NULL);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0) {
		puts("caisson version " CAISSON_VERSION);
		return output_end(0, 1);
	}
	command = find(argv[1]);
	if (!command)
		return unknown(argv[1]);
	return output_end(command->run(command, argc - 1, argv + 1), command->failure);
}
