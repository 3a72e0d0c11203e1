/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/describe.h"
#include "cmd/process-list.h"

struct ps {
	const char *format;
};

static const struct opt options[] = {
	OPT(ps, 'f', "format", OPT_CHOICE, format, "table|json",
	    "table: what runs in it; json: the number of the process that stands for it",
	    "table|json"),
	{.kind = OPT_END},
};

/* Callers look for these among the host's processes, where those of the guest are not. */
static void print_json(struct client *client)
{
	const struct record *record = client->record;

	if (describe_shim(client, record->id, NULL) > 0)
		printf("[%d]\n", (int)record_keeper(record));
	else
		puts("null");
}

static int print_table(struct client *client, struct err *err)
{
	struct process_list list = {.v = NULL};
	int r = process_list_get(client, &list, err);

	if (r == 0)
		process_list_print(&list, (uint64_t)time(NULL));
	process_list_done(&list);
	return r;
}

static void print_nothing(bool json)
{
	static const struct process_list nothing;

	if (json)
		puts("null");
	else
		process_list_print(&nothing, 0);
}

static int ps_one(const struct ps *ps, const char *name, struct err *err)
{
	bool json = ps->format && strcmp(ps->format, "json") == 0;
	struct client client = CLIENT_NULL;
	struct record record = RECORD_NULL;
	struct paths paths = PATHS_NULL;
	int status, r = paths_find(&paths, err);

	if (r == 0)
		r = record_open(&paths, name, &record, err);
	if (r == 0 && record_state(&record, &status) != RECORD_RUNNING) {
		print_nothing(json);
	} else if (r == 0) {
		r = client_connect(&client, &record, err);
		if (r == 0 && json)
			print_json(&client);
		else if (r == 0)
			r = print_table(&client, err);
	}
	client_disconnect(&client);
	record_done(&record);
	paths_done(&paths);
	return r;
}

/* ps(1) is not run: what these would change there is what is printed here anyway. */
static int check_words(char *const *words, struct err *err)
{
	static const char *const same[] = {"-ef", "-e", "-f", "-fe"};

	for (; *words; words++) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_SIZE(same); i++)
			known |= strcmp(*words, same[i]) == 0;
		if (!known)
			return err_set(err, -EINVAL,
				       "%s: of the options of ps there is -ef: `caisson exec NAME "
				       "ps %s` runs the container's own",
				       *words, *words);
	}
	return 0;
}

static int ps_main(const struct command *self, int argc, char **argv)
{
	struct ps ps = {.format = NULL};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &ps, &err), r = at;

	if (r >= 0 && at == argc)
		r = err_set(&err, -EINVAL, "which container? See `caisson ps --help`");
	if (r >= 0)
		r = check_words(argv + at + 1, &err);
	if (r >= 0)
		r = ps_one(&ps, argv[at], &err);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_ps = {
	.name = "ps",
	.usage = "[OPTIONS] NAME [PS-OPTION...]",
	.summary = "Show the processes of a running container.",
	.details = "As `ps -ef` does it in the container, which need not have a ps. As JSON it is\n"
		   "the number of the process that stands for the container on the host.\n",
	.opts = options,
	.failure = 1,
	.command_follows = true,
	.run = ps_main,
};
