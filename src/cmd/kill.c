/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/mem.h"
#include "base/parse.h"
#include "cmd/cmd.h"
#include "cmd/task-call.h"
#include "image/text.h"

struct kill {
	const char *signal;
	bool all;
};

static const struct opt options[] = {
	OPT(kill, 's', "signal", OPT_STRING, signal, "SIGNAL",
	    "name or number; without it the image's stop signal"),
	OPT(kill, 'a', "all", OPT_FLAG, all, NULL, "to all processes of the container"),
	{.kind = OPT_END},
};

/* In the words that those who run OCI runtimes look for. */
static int not_running(const char *id, struct err *err)
{
	return err_set(err, -ENOTCONN, "container not running: %s", id);
}

static int send(struct client *client, const char *id, int signo, bool all, struct err *err)
{
	int r = task_kill(client, id, "", signo, all, err);

	return r == -ENOENT ? not_running(id, err) : r;
}

static int connect_to(struct client *client, const struct record *record, struct err *err)
{
	int status;

	/* Who answers for one that has ended has it up for its files only. */
	if (record_state(record, &status) != RECORD_RUNNING)
		return err_set(err, -ENOTCONN, "container %s is not running", record->id);
	return client_connect(client, record, err);
}

static int kill_one(const struct paths *paths, const char *name, void *userdata, struct err *err)
{
	const struct kill *kill = userdata;
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct client client = CLIENT_NULL;
	struct record record = RECORD_NULL;
	int r;

	r = record_open(paths, name, &record, err);
	if (r == 0)
		r = record_load(&record, &spec, err);
	if (r == 0)
		r = connect_to(&client, &record, err);
	if (r == 0)
		r = send(&client, record.id,
			 kill->signal ? signal_from_name(kill->signal) : spec.stop_signal,
			 kill->all, err);
	else if (r == -ENOTCONN)
		r = kill->all ? 0 : not_running(record.id, err);
	client_disconnect(&client);
	sandbox_spec_done(&spec);
	record_done(&record);
	return r;
}

/*
 * "-9" and "-KILL", as kill(1) has them, become "--signal=9". Return: what has to be freed, or
 * NULL.
 */
static char *spell_out(int argc, char **argv)
{
	const char *word = argc > 1 && argv[1][0] == '-' ? argv[1] + 1 : "";

	if (!*word || signal_from_name(word) < 0)
		return NULL;
	argv[1] = xasprintf("--signal=%s", word);
	return argv[1];
}

/* A signal that was mistyped after a name must not become the stop signal for that name. */
static int check_name(const char *word, struct err *err)
{
	struct paths paths = PATHS_NULL;
	struct record record = RECORD_NULL;
	int r = paths_find(&paths, err);

	if (r == 0)
		r = record_open(&paths, word, &record, err);
	if (r == -ENOENT)
		(void)err_set(err, r, "%s: no such signal, nor a container of that name",
			      text_of(word));
	record_done(&record);
	paths_done(&paths);
	return r;
}

/* As OCI runtimes have it: the name, then the signal. */
static int take_last(char **words, struct kill *kill, struct err *err)
{
	if (kill->signal || !words[0] || !words[1] || words[2])
		return 0;
	if (signal_from_name(words[1]) < 0)
		return check_name(words[1], err);
	kill->signal = words[1];
	words[1] = NULL;
	return 0;
}

static int kill_main(const struct command *self, int argc, char **argv)
{
	struct kill kill = {.signal = NULL};
	_cleanup_free_ char *spelled_out _unused_ = spell_out(argc, argv);
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &kill, &err);

	if (at >= 0 && kill.signal && signal_from_name(kill.signal) < 0)
		at = err_set(&err, -EINVAL, "--signal %s: no such signal", kill.signal);
	if (at < 0 || take_last(argv + at, &kill, &err) < 0)
		return cmd_fail(self, &err);
	return cmd_each(self, argv + at, kill_one, &kill);
}

const struct command command_kill = {
	.name = "kill",
	.usage = "[OPTIONS] NAME... | [OPTIONS] NAME SIGNAL",
	.summary = "Send a signal to a container's first process.",
	.details = "-SIGNAL as the first word, -9 or -KILL, is the same as --signal SIGNAL.\n",
	.opts = options,
	.failure = 1,
	.run = kill_main,
};
