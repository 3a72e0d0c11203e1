/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "abi/abi.h"
#include "base/parse.h"
#include "cmd/cmd.h"
#include "cmd/global.h"
#include "cmd/guess.h"
#include "cmd/output.h"
#include "image/text.h"

static const struct command *const commands[] = {
	&command_run,	     &command_create,	&command_start,	 &command_pause,   &command_resume,
	&command_update,     &command_features, &command_ps,	 &command_events,  &command_spec,
	&command_checkpoint, &command_restore,	&command_exec,	 &command_cp,	   &command_list,
	&command_logs,	     &command_kill,	&command_wait,	 &command_inspect, &command_state,
	&command_delete,     &command_diff,	&command_commit, &command_export,  &command_kernel,
	&command_image,	     &command_images,	&command_config, &command_doctor,  &command_volume,
	&command_disk,	     &command_metrics,
};

static const struct guess known[] = {
	{"ls", "list"},
	{"rm", "delete"},
	{"remove", "delete"},
	{"stop", "kill"},
	{"unpause", "resume"},
	{"top", "ps"},
	{"stats", "events --stats"},
	{"copy", "cp"},
	{"rmi", "image rm"},
	{"pull", "image pull"},
	{"import", "image import"},
	{"load", "image import"},
	{"build", "image build"},
	{"convert", "image convert"},
	{"init-config", "image init-config"},
	{"prune", "image prune"},
	{"verify", "image verify"},
	{"version", "--version"},
	{"info", "doctor"},
	{"check", "doctor"},
	{NULL, NULL},
};

int cmd_fail(const struct command *command, const struct err *err)
{
	fprintf(stderr, "caisson: %s\n", err->text);
	global_log(err->text);
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
	if (paths_find(&paths, &err) < 0)
		return cmd_fail(command, &err);
	for (; *names; names++)
		if (one(&paths, *names, userdata, &err) < 0)
			status = cmd_fail(command, &err);
	paths_done(&paths);
	return status;
}

static void help(FILE *out)
{
	fputs("Usage: caisson [OPTIONS] COMMAND [ARG...]\n\n"
	      "Runs each container in a microVM of its own.\n\nCommands:\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\nOptions:\n", out);
	global_help(out);
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

static int unknown(char **words)
{
	struct err err = ERR_NULL;
	/* Docker has some commands in two places. */
	bool grouped = strcmp(words[0], "container") == 0 && words[1];
	const char *word = words[grouped], *meant = NULL;

	if (*word == '-') {
		fprintf(stderr, "caisson: unknown option %s: see `caisson --help`\n",
			text_of(word));
		return STATUS_CAISSON_FAILED;
	}
	if (grouped && find(word))
		meant = word;
	else
		meant = guess_command(word, commands, ARRAY_SIZE(commands), known);
	(void)guess_refusal(grouped ? "container " : "", word, meant, &err);
	fprintf(stderr, "caisson: %s\n", err.text);
	return STATUS_CAISSON_FAILED;
}

/* An option without its value takes the command for one. */
static int no_command(int argc, char **argv)
{
	const char *last = argc > 2 ? argv[argc - 1] : NULL;

	if (argc < 2) {
		fputs("caisson: which command?\n\n", stderr);
		help(stderr);
	} else if (last && find(last)) {
		fprintf(stderr,
			"caisson: which command? \"%s\" was taken for the value of %s: see "
			"`caisson --help`\n",
			last, text_of(argv[argc - 2]));
	} else {
		fputs("caisson: which command? See `caisson --help`\n", stderr);
	}
	return STATUS_CAISSON_FAILED;
}

/* Of a group of commands one may be asked for. */
static int help_of(const struct command *command, char *topic)
{
	char name[16], option[] = "--help";
	char *argv[] = {name, topic, option, NULL};

	if (!topic || (command != &command_image && command != &command_kernel)) {
		opts_help(command);
		return 0;
	}
	(void)snprintf(name, sizeof(name), "%s", command->name);
	return command->run(command, 3, argv);
}

static int help_main(char **topics)
{
	const struct command *command = topics[0] ? find(topics[0]) : NULL;

	if (topics[0] && !command)
		return unknown(topics);
	if (!command)
		help(stdout);
	return output_end(command ? help_of(command, topics[1]) : 0, 1);
}

/* The first line is as go-runc and Podman read it. */
static int version_main(char **words _unused_)
{
	puts("caisson version " CAISSON_VERSION "\nspec: " OCI_VERSION);
	return output_end(0, 1);
}

/* struct other - what is written in a command's place, and is none */
struct other {
	const char *word;
	int (*run)(char **words);
};

static const struct other others[] = {
	{"help", help_main},	     {"--help", help_main}, {"-h", help_main},
	{"--version", version_main}, {"-v", version_main},
};

static const struct other *find_other(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(others[i].word, word) == 0)
			return &others[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *command;
	const struct other *other;
	struct err err = ERR_NULL;
	int at, status;

	/* A reader who leaves is an error of write(), not our end. */
	(void)signal(SIGPIPE, SIG_IGN);
	output_begin();
	at = global_parse(argc, argv, &err);
	if (at < 0) {
		fprintf(stderr, "caisson: %s\n", err.text);
		return STATUS_CAISSON_FAILED;
	}
	if (at == argc)
		return no_command(argc, argv);
	argc -= at;
	argv += at;
	other = find_other(argv[0]);
	if (other)
		return other->run(argv + 1);
	command = find(argv[0]);
	if (!command)
		return unknown(argv);
	status = output_end(command->run(command, argc, argv), command->failure);
	global_end();
	return status;
}
