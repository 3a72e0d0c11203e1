/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/console.h"
#include "cmd/describe.h"
#include "cmd/global.h"
#include "cmd/spawn.h"
#include "rpc/task.h"
#include "sandbox/bundle.h"
#include "sandbox/hooks.h"
#include "sandbox/oci-adapt.h"
#include "task.pb-c.h"

/* For the last processes of a VM that is to end. */
#define END_SECONDS 10

/**
 * struct create - the options, and what has been made so far
 */
struct create {
	const char *bundle, *pid_file, *console_socket;
	bool no_pivot, no_new_keyring;
	uint32_t preserve_fds;

	struct paths paths;
	struct sandbox_spec spec;
	struct bundle bundle_files;
	struct record record;
	struct console console;
	struct spawned shim;
	struct client client;
};

static const struct opt options[] = {
	OPT(create, 'b', "bundle", OPT_STRING, bundle, "DIR", "an OCI bundle (.)"),
	OPT(create, 0, "pid-file", OPT_STRING, pid_file, "FILE",
	    "write the number of the process that stands for the container"),
	OPT(create, 0, "console-socket", OPT_STRING, console_socket, "PATH",
	    "who listens there gets the container's terminal"),
	OPT(create, 0, "no-pivot", OPT_FLAG, no_pivot, NULL, "changes nothing in a VM"),
	OPT(create, 0, "no-new-keyring", OPT_FLAG, no_new_keyring, NULL, "changes nothing in a VM"),
	OPT(create, 0, "preserve-fds", OPT_U32, preserve_fds, "N",
	    "0: descriptors cannot be passed into a VM", NULL, 0, UINT32_MAX),
	{.kind = OPT_END},
};

static int load(struct create *c, const char *id, struct err *err)
{
	int r = paths_init(&c->paths, err);

	if (r < 0)
		return r;
	record_sweep(&c->paths);
	c->spec.id = xstrdup(id);
	r = bundle_load(c->bundle, global_cgroups(), NULL, &c->spec, &c->bundle_files, err);
	if (r == 0)
		r = bundle_choose_machine(&c->bundle_files, &c->spec, err);
	if (r < 0)
		return r;
	if (c->spec.terminal && !c->console_socket)
		return err_set(err, -EINVAL,
			       "%s/" OCI_CONFIG_FILE " wants a terminal (process.terminal): "
			       "--console-socket says who gets its other end",
			       c->spec.bundle);
	if (!c->spec.terminal && c->console_socket)
		return err_set(err, -EINVAL,
			       "--console-socket, but %s/" OCI_CONFIG_FILE
			       " wants no terminal (process.terminal)",
			       c->spec.bundle);
	return 0;
}

static int make_record(struct create *c, struct err *err)
{
	int r = bundle_record(&c->bundle_files, &c->paths, &c->spec, &c->record, err);

	return r == -EEXIST
		       ? err_set(err, r, "container with given ID already exists: %s", c->spec.id)
		       : r;
}

static int start_shim(struct create *c, struct err *err)
{
	const int ours[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	const int terminal[] = {c->console.slave, c->console.slave, -EBADF};
	int r = spawn_shim(&c->paths, &c->record, -EBADF, c->spec.terminal ? terminal : ours,
			   &c->shim, err);

	if (r < 0) {
		(void)record_remove(&c->paths, &c->record, NULL);
		return r;
	}
	/* It has them now, and a terminal lives as long as somebody has its end. */
	console_close_slave(&c->console);
	r = client_connect(&c->client, &c->record, err);
	c->client.patience = 0;
	return r == 0 ? client_obey_signals(&c->client, err) : r;
}

static int ask(struct create *c, struct err *err)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	request.id = c->record.id;
	request.bundle = c->record.dir_path;
	request.terminal = c->spec.terminal;
	return client_call(&c->client, "Create", &request.base, NULL, NULL, err);
}

/*
 * The VM comes up meanwhile. The shim answers once it is in the container's network namespace, which
 * hooks look for by its number: before, that is the host's.
 */
static int run_hooks(struct create *c, struct err *err)
{
	static const char *const early[] = {"prestart", "createRuntime"};
	int r = 0;

	if (!c->bundle_files.hooks)
		return 0;
	if (describe_shim(&c->client, c->record.id, err) != c->shim.proc.pid)
		return err->code < 0
			       ? err->code
			       : err_set(err, -EPROTO, "somebody else is the container's shim");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(early); i++)
		r = hooks_run(&c->record, &c->spec, early[i], "creating", c->shim.proc.pid, err);
	return r;
}

/* What has become nothing leaves nothing. A shim sees to that itself, unless it was killed. */
static void undo(struct create *c)
{
	(void)hooks_run(&c->record, &c->spec, "poststop", "stopped", 0, NULL);
	client_disconnect(&c->client);
	spawn_end(&c->shim);
	if (record_wait(&c->record, END_SECONDS) < 0)
		return;
	(void)record_remove_cgroups(&c->record, END_SECONDS * 1000);
	(void)record_remove(&c->paths, &c->record, NULL);
}

static int create_all(struct create *c, const char *id, struct err *err)
{
	int r = load(c, id, err);

	if (r == 0 && c->spec.terminal)
		r = console_open(&c->console, c->bundle_files.config, err);
	if (r == 0)
		r = make_record(c, err);
	if (r == 0)
		r = start_shim(c, err);
	if (r == 0 && c->spec.terminal)
		r = console_send(&c->console, c->console_socket, err);
	if (r == 0)
		r = run_hooks(c, err);
	if (r == 0)
		r = ask(c, err);
	if (r == 0 && c->pid_file)
		r = spawn_write_pid(c->shim.proc.pid, c->pid_file, err);
	if (r == 0)
		spawn_let_go(&c->shim);
	else if (c->shim.proc.pid > 0)
		undo(c);
	return r;
}

static void done(struct create *c)
{
	client_disconnect(&c->client);
	spawn_end(&c->shim);
	console_done(&c->console);
	record_done(&c->record);
	sandbox_spec_done(&c->spec);
	paths_done(&c->paths);
	bundle_done(&c->bundle_files);
}

static int check(int argc, char **argv, int at, struct err *err)
{
	if (at == argc)
		return err_set(err, -EINVAL,
			       "which name shall the container have? See `caisson create --help`");
	if (argc - at > 1)
		return err_set(err, -EINVAL, "one name, not \"%s\" as well", argv[at + 1]);
	return sandbox_id_valid(argv[at])
		       ? 0
		       : err_set(err, -EINVAL, "\"%s\" is no container's name: " SANDBOX_ID_RULE,
				 argv[at]);
}

static int create_main(const struct command *self, int argc, char **argv)
{
	struct create c = {
		.bundle = ".",
		.paths = PATHS_NULL,
		.spec = SANDBOX_SPEC_NULL,
		.bundle_files = BUNDLE_NULL,
		.record = RECORD_NULL,
		.console = CONSOLE_NULL,
		.shim = SPAWNED_NULL,
		.client = CLIENT_NULL,
	};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &c, &err), r = at;

	if (r >= 0 && c.preserve_fds > 0)
		r = err_set(&err, -ENOTSUP,
			    "--preserve-fds: descriptors cannot be passed into a VM");
	if (r >= 0)
		r = check(argc, argv, at, &err);
	if (r == 0)
		r = create_all(&c, argv[at], &err);
	done(&c);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_create = {
	.name = "create",
	.usage = "[OPTIONS] NAME",
	.summary = "Create a container of an OCI bundle, without starting it.",
	.details = "Its standard streams are those of this command, and it goes on without it.\n",
	.opts = options,
	.failure = 1,
	.needs_root = "a bundle's files are shared as they are, with all their owners",
	.run = create_main,
};
