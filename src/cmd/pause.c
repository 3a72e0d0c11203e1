/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"
#include "cmd/task-call.h"

static int call_one(const struct paths *paths, const char *name, void *userdata, struct err *err)
{
	int (*call)(struct client * client, const char *id, struct err *err) = userdata;
	struct client client = CLIENT_NULL;
	struct record record = RECORD_NULL;
	int r = record_open(paths, name, &record, err);

	if (r == 0)
		r = client_connect(&client, &record, err);
	if (r == 0)
		r = call(&client, record.id, err);
	client_disconnect(&client);
	record_done(&record);
	return r;
}

static int call_each(const struct command *self, int argc, char **argv,
		     int (*call)(struct client *client, const char *id, struct err *err))
{
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err);

	return at < 0 ? cmd_fail(self, &err) : cmd_each(self, argv + at, call_one, (void *)call);
}

static int pause_main(const struct command *self, int argc, char **argv)
{
	return call_each(self, argc, argv, task_pause);
}

static int resume_main(const struct command *self, int argc, char **argv)
{
	return call_each(self, argc, argv, task_resume);
}

const struct command command_pause = {
	.name = "pause",
	.usage = "NAME...",
	.summary = "Stop all processes of a container, until `caisson resume`.",
	.failure = 1,
	.run = pause_main,
};

const struct command command_resume = {
	.name = "resume",
	.usage = "NAME...",
	.summary = "Let the processes of a paused container go on.",
	.failure = 1,
	.run = resume_main,
};
