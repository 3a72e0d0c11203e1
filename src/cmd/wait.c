/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/task-call.h"

/* The shim's answer; negative when there is no shim to ask, or no more. */
static int ask(const struct record *record, struct err *err)
{
	struct client client = CLIENT_NULL;
	int r = client_connect(&client, record, err);

	if (r == 0)
		r = task_wait(&client, record->id, "", err);
	client_disconnect(&client);
	return r;
}

/* What was written down. Return: exit status or -ENOENT. */
static int recorded(const struct record *record)
{
	int status;

	return record_state(record, &status) == RECORD_STOPPED ? status : -ENOENT;
}

/* Return: exit status or negative errno. @ret: what the shim said, of one that ran. */
static int wait_for(struct record *record, int *ret, struct err *err)
{
	int ignored;

	/* Of one that has ended there may be a shim as well, for those who visit it. */
	*ret = record_state(record, &ignored) == RECORD_RUNNING ? ask(record, err) : -ENOENT;
	if (*ret >= 0)
		return *ret;
	if (*ret != -ENOENT)
		(void)record_wait(record, 0);
	return recorded(record);
}

static int wait_one(const struct paths *paths, const char *name, void *userdata _unused_,
		    struct err *err)
{
	struct record record = RECORD_NULL;
	int asked, status, r = record_open(paths, name, &record, err);

	if (r < 0)
		return r;
	status = wait_for(&record, &asked, err);
	if (status >= 0)
		printf("%d\n", status);
	/* The reason is there already. */
	if (asked == -EHOSTDOWN)
		r = asked;
	else if (status < 0)
		r = err_set(err, status, "container %s ended, and left no exit status", record.id);
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
	.run = wait_main,
};
