/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/task-call.h"

/* The shim's answer; negative when there is no shim to ask, or no more. */
static int ask(const struct record *record)
{
	struct client client = CLIENT_NULL;
	int r = client_connect(&client, record, NULL);

	if (r == 0)
		r = task_wait(&client, record->id, "", NULL);
	client_disconnect(&client);
	return r;
}

static int wait_one(const struct paths *paths, const char *name, void *userdata _unused_,
		    struct err *err)
{
	struct record record = RECORD_NULL;
	int status, r = record_open(paths, name, &record, err);

	if (r < 0)
		return r;
	status = ask(&record);
	if (status < 0) {
		(void)record_wait(&record);
		if (record_state(&record, &status) != RECORD_STOPPED)
			r = err_set(err, -ENOENT, "container %s ended, and left no exit status",
				    record.id);
	}
	if (r == 0)
		printf("%d\n", status);
	record_done(&record);
	return r;
}

static int wait_main(const struct command *self, int argc, char **argv)
{
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err);

	if (at < 0)
		return cmd_fail(self, &err);
	return cmd_each(self, argv + at, wait_one, NULL);
}

const struct command command_wait = {
	.name = "wait",
	.usage = "NAME...",
	.summary = "Wait until containers have ended and print their exit statuses.",
	.failure = 1,
	.needs_root = true,
	.run = wait_main,
};
