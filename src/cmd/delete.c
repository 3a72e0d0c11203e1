/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cgroup/cgroup.h"
#include "cmd/cmd.h"
#include "cmd/describe.h"
#include "cmd/task-call.h"
#include "sandbox/hooks.h"

/* A guest has ten to shut down, and the machine may be busy. */
#define END_SECONDS 60

struct removal {
	bool force;
};

static const struct opt options[] = {
	OPT(removal, 'f', "force", OPT_FLAG, force, NULL,
	    "end a running container first; one that is not there is no error"),
	{.kind = OPT_END},
};

/*
 * The VM ends at once, whatever its guest is doing, or is on its way already, if it is not up for
 * somebody's visit; and its shim by itself when it has: that is waited for, unless the shim does not
 * answer.
 */
static int end_container(struct record *record, bool force, struct err *err)
{
	struct client client = CLIENT_NULL;
	int r = client_connect(&client, record, err);

	if (r == 0 && !force)
		(void)describe_shim(&client, record->id, err);
	else if (r == 0)
		(void)task_shutdown(&client, record->id, err);
	r = client.mute ? -ETIMEDOUT : 0;
	client_disconnect(&client);
	if (r < 0)
		return r;
	r = record_wait(record, END_SECONDS);
	if (r == -ETIMEDOUT)
		(void)err_set(
			err, r,
			"container %s: its caisson-shim does not end: if somebody still copies "
			"its files, `%s delete -f %s` ends that; if a process of it was "
			"stopped, `pkill -CONT -f 'caisson-shim --id %s'` lets it go on",
			record->id, paths_command(), record->id, record->id);
	return r;
}

/* It has come to the VM of another, whose end is not its own: that it is to go has to be said. */
static bool shares_vm(const struct record *record)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	bool shares = record_load(record, &spec, NULL) == 0 && sandbox_spec_shares_vm(&spec);

	sandbox_spec_done(&spec);
	return shares;
}

/* Nobody has started it: as runc has it, that is not running. */
static bool is_created(struct record *record)
{
	struct client client = CLIENT_NULL;
	const char *state = NULL;

	if (client_connect(&client, record, NULL) == 0)
		state = describe_state(&client, record->id, NULL);
	client_disconnect(&client);
	return state && strcmp(state, "created") == 0;
}

/* A hook that fails keeps nobody from removing the container. */
static void run_hooks(const struct record *record)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct err err = ERR_NULL;
	int r = record_load(record, &spec, &err);

	if (r == 0)
		r = hooks_run(record, &spec, "poststop", "stopped", 0, &err);
	if (r < 0)
		fprintf(stderr, "caisson: warning: %s\n", err.text);
	sandbox_spec_done(&spec);
}

/* It is the container to an engine, which has waited for it: its shim is about to hear of that, and to end the VM. */
static bool keeper_has_ended(const struct record *record)
{
	_cleanup_close_ int fd = record_open_keeper(record);
	struct pollfd end = {.fd = fd, .events = POLLIN};

	return fd < 0 ? fd == -ESRCH : poll(&end, 1, 0) > 0;
}

static int remove_it(const struct paths *paths, struct record *record, bool force, struct err *err)
{
	int status, r = record_claim(record);
	/* The command has ended; the VM is on its way, or up for a visit: it does not run any more. */
	bool ending = r == -EWOULDBLOCK &&
		      (record_state(record, &status) != RECORD_RUNNING || keeper_has_ended(record));

	force |= r == -EWOULDBLOCK && !ending && !force && is_created(record);
	if (r == -EWOULDBLOCK && !ending && !force)
		return err_set(err, -EBUSY,
			       "cannot delete container %s that is not stopped: running: end it "
			       "with `%s kill %s`, with "
			       "-s KILL where it does not heed TERM, or use `%s delete -f %s`",
			       record->id, paths_command(), record->id, paths_command(),
			       record->id);
	if (r == -EWOULDBLOCK)
		r = end_container(record, force || shares_vm(record), err);
	if (r == -ETIMEDOUT)
		return r;
	/* It went by itself, as one of `caisson run --rm` does. */
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_errno(err, r, "cannot claim container %s", record->id);
	run_hooks(record);
	/* The record is all that knows of it: while it is in use, that stays. */
	if (record_remove_cgroups(record, CGROUP_PATIENCE) == -EBUSY)
		return err_set(err, -EBUSY,
			       "the control group of container %s has processes of others, or "
			       "groups, in it: `%s inspect %s` says where it is",
			       record->id, paths_command(), record->id);
	return record_remove(paths, record, err);
}

static int delete_one(const struct paths *paths, const char *name, void *userdata, struct err *err)
{
	const struct removal *options_given = userdata;
	struct record record = RECORD_NULL;
	int r = record_open(paths, name, &record, err);

	if (r == -ENOENT && options_given->force)
		return 0;
	if (r == 0)
		r = remove_it(paths, &record, options_given->force, err);
	record_done(&record);
	return r;
}

static int delete_main(const struct command *self, int argc, char **argv)
{
	struct removal options_given = {.force = false};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &options_given, &err);

	if (at < 0)
		return cmd_fail(self, &err);
	return cmd_each(self, argv + at, delete_one, &options_given);
}

const struct command command_delete = {
	.name = "delete",
	.usage = "[OPTIONS] NAME...",
	.summary = "Remove containers that have ended.",
	.opts = options,
	.failure = 1,
	.run = delete_main,
};
