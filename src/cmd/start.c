/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/cmd.h"
#include "cmd/describe.h"
#include "cmd/task-call.h"
#include "sandbox/hooks.h"

#define END_SECONDS 10

/*
 * Whoever hears of the failure may remove the container, which has to have ended by then: its claim is free, and its
 * parent can hear of it, which may be whom we are about to tell.
 */
static void await_end(struct record *record, int keeper)
{
	struct pollfd pfd = {.fd = keeper, .events = POLLIN};

	(void)record_wait(record, END_SECONDS);
	if (keeper >= 0)
		(void)poll(&pfd, 1, END_SECONDS * 1000);
}

static int start_one(const struct paths *paths, const char *name, void *userdata _unused_,
		     struct err *err)
{
	struct client client = CLIENT_NULL;
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record record = RECORD_NULL;
	_cleanup_close_ int keeper = -EBADF;
	int status, r = record_open(paths, name, &record, err);

	if (r == 0 && record_state(&record, &status) != RECORD_RUNNING)
		r = err_set(err, -ENOTCONN,
			    "container %s: cannot start a container that has stopped", record.id);
	if (r == 0)
		r = client_connect(&client, &record, err);
	if (r == 0) {
		keeper = record_open_keeper(&record);
		r = task_start(&client, record.id, "", err);
		if (r < 0 && record_state(&record, &status) == RECORD_STOPPED)
			await_end(&record, keeper);
	}
	/* As runc has it, their failure is told, and the container goes on. */
	if (r == 0 && record_load(&record, &spec, NULL) == 0)
		r = hooks_run(&record, &spec, "poststart", "running",
			      describe_shim(&client, record.id, NULL), err);
	client_disconnect(&client);
	sandbox_spec_done(&spec);
	record_done(&record);
	return r;
}

static int start_main(const struct command *self, int argc, char **argv)
{
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err);

	return at < 0 ? cmd_fail(self, &err) : cmd_each(self, argv + at, start_one, NULL);
}

const struct command command_start = {
	.name = "start",
	.usage = "NAME...",
	.summary = "Run the command of a container that was created.",
	.failure = 1,
	.run = start_main,
};
