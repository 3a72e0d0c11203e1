/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cmd/attach.h"
#include "cmd/cmd.h"
#include "cmd/compose.h"
#include "cmd/console.h"
#include "cmd/monitor.h"
#include "cmd/spawn.h"
#include "cmd/task-call.h"
#include "guest.pb-c.h"
#include "rpc/task.h"
#include "sandbox/oci-adapt.h"
#include "task.pb-c.h"

/**
 * struct exec - the options, and what has been made so far
 */
struct exec {
	bool interactive, terminal, detach;
	struct strv env;
	const char *workdir, *user, *process, *pid_file, *console_socket;

	char *json;
	struct console console;
	struct monitor monitor;

	char *id;
	struct paths paths;
	struct record record;
	struct sandbox_spec spec;
	struct client client;
	struct attach attach;
};

static const struct opt options[] = {
	OPT(exec, 'i', "interactive", OPT_FLAG, interactive, NULL, "pass stdin on to the command"),
	OPT(exec, 't', "tty", OPT_FLAG, terminal, NULL, "give the command a terminal"),
	OPT(exec, 'e', "env", OPT_STRV, env, "K=V", "set a variable; K alone: take it from here"),
	OPT(exec, 'w', "workdir", OPT_STRING, workdir, "DIR", "folder to start in"),
	OPT(exec, 'u', "user", OPT_STRING, user, "USER[:GROUP]", "names or numbers"),
	OPT(exec, 'p', "process", OPT_STRING, process, "FILE",
	    "what to run, as JSON of OCI, instead of a command"),
	OPT(exec, 'd', "detach", OPT_FLAG, detach, NULL, "return once the command runs"),
	OPT(exec, 0, "pid-file", OPT_STRING, pid_file, "FILE",
	    "write the number of the process that stands for the command"),
	OPT(exec, 0, "console-socket", OPT_STRING, console_socket, "PATH",
	    "who listens there gets the command's terminal"),
	{.kind = OPT_END},
};

static int pack_words(const struct exec *exec, char **words, Google__Protobuf__Any *ret,
		      struct err *err)
{
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;

	process.args = words;
	while (words[process.n_args])
		process.n_args++;
	process.env = exec->spec.env.v;
	process.n_env = exec->spec.env.n;
	process.cwd = exec->workdir ? rpc_str(exec->workdir) : exec->spec.cwd;
	process.user = exec->user ? rpc_str(exec->user) : exec->spec.user;
	process.terminal = exec->terminal;
	process.capabilities = exec->spec.capabilities;
	if (rpc_any_pack(&process.base, ret) < 0)
		return err_set(err, -E2BIG, "the command is too long");
	return 0;
}

static void pack_json(const struct exec *exec, Google__Protobuf__Any *ret)
{
	ret->type_url = rpc_str(ABI_TYPE_OCI_PROCESS);
	ret->value.data = (uint8_t *)xstrdup(exec->json);
	ret->value.len = strlen(exec->json);
}

static int create(struct exec *exec, char **words, struct err *err)
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	int r = 0;

	if (exec->json)
		pack_json(exec, &any);
	else
		r = pack_words(exec, words, &any, err);
	if (r < 0)
		return r;
	request.id = exec->record.id;
	request.exec_id = exec->id;
	request.terminal = exec->terminal;
	request.stdin_ = rpc_str(attach_path(&exec->attach, 0));
	request.stdout_ = rpc_str(attach_path(&exec->attach, 1));
	request.stderr_ = rpc_str(attach_path(&exec->attach, 2));
	request.spec = &any;
	r = client_call(&exec->client, "Exec", &request.base, NULL, NULL, err);
	rpc_any_done(&any);
	return r;
}

/* Whoever has returned already hears no more of it. */
static int fail(struct exec *exec, const struct err *err)
{
	if (exec->detach) {
		monitor_failed(&exec->monitor, err);
		return STATUS_OCI_FAILED;
	}
	(void)cmd_fail(&command_exec, err);
	return exec->json ? STATUS_OCI_FAILED : cmd_status_of(err);
}

static int run_process(struct exec *exec, char **words, struct err *err)
{
	const char *id = exec->record.id;
	int r, lost = 0;

	r = create(exec, words, err);
	if (r == 0)
		r = attach_begin(&exec->attach, err);
	if (r == 0)
		r = task_start(&exec->client, id, exec->id, err);
	if (r == 0) {
		attach_running(&exec->attach);
		if (exec->detach)
			monitor_started(&exec->monitor);
		r = task_wait(&exec->client, id, exec->id, err);
	}
	/* What was printed before a VM failed is wanted, too. */
	if (!exec->client.cancelled && (r >= 0 || exec->attach.running))
		lost = attach_drain(&exec->attach, r < 0 ? NULL : err);
	if (exec->client.cancelled) {
		/* Somebody gave up: the process must not go on unseen. */
		exec->client.cancelled = false;
		(void)task_kill(&exec->client, id, exec->id, SIGKILL, false, NULL);
		return STATUS_INTERRUPTED;
	}
	(void)task_delete(&exec->client, id, exec->id, NULL);
	attach_end(&exec->attach);
	if (r >= 0 && lost == 0)
		return r;
	return fail(exec, err);
}

static int open_container(struct exec *exec, const char *name, struct err *err)
{
	int status, r;

	r = paths_find(&exec->paths, err);
	if (r == 0)
		r = record_open(&exec->paths, name, &exec->record, err);
	if (r == 0 && record_state(&exec->record, &status) != RECORD_RUNNING)
		r = err_set(err, -ENOTCONN,
			    "container %s is not running: cannot exec in a stopped container",
			    exec->record.id);
	if (r == 0)
		r = record_load(&exec->record, &exec->spec, err);
	if (r == 0)
		r = client_connect(&exec->client, &exec->record, err);
	return r;
}

static int check_words(const struct exec *exec, int argc, int at, struct err *err)
{
	if (exec->process && argc - at == 1)
		return 0;
	if (exec->process)
		return err_set(err, -EINVAL,
			       "--process goes with one word, the container's name: the command is "
			       "in the file");
	if (argc - at < 2)
		return err_set(err, -EINVAL,
			       "which container and which command? See `caisson exec --help`");
	return 0;
}

static int check(const struct exec *exec, int argc, int at, struct err *err)
{
	const struct {
		bool wrong;
		const char *text;
	} rules[] = {
		{exec->process && (exec->env.n > 0 || exec->workdir || exec->user),
		 "--process does not go with --env, --workdir or --user: the file says that"},
		{exec->console_socket && !exec->detach, "--console-socket goes with --detach only"},
		{exec->pid_file && !exec->detach, "--pid-file goes with --detach only"},
		{exec->detach && exec->interactive && !exec->process,
		 "--detach does not go with --interactive"},
	};

	if (check_words(exec, argc, at, err) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].wrong)
			return err_set(err, -EINVAL, "%s", rules[i].text);
	if (compose_check_workdir(exec->workdir, err) < 0)
		return -EINVAL;
	return exec->detach ? 0 : attach_check(exec->interactive, exec->terminal, err);
}

static int load_process(struct exec *exec, struct err *err)
{
	_cleanup_free_ char *text = NULL, *command = NULL;
	size_t len;
	int r = file_slurp_at(AT_FDCWD, exec->process, OCI_CONFIG_MAX, &text, &len);

	if (r < 0)
		return err_errno(err, r, "cannot read %s", exec->process);
	r = oci_process_adapt(text, len, &exec->json, &command, &exec->terminal, err);
	if (r < 0)
		return err_wrap(err, r, "%s", exec->process);
	exec->interactive = true;
	return 0;
}

/* Return: as monitor_fork(). */
static int detach(struct exec *exec, struct err *err)
{
	int r = 0;

	if (exec->terminal && exec->console_socket) {
		r = console_open(&exec->console, NULL, err);
		if (r == 0)
			r = console_send(&exec->console, exec->console_socket, err);
	} else if (exec->terminal && exec->process) {
		r = err_set(err, -EINVAL,
			    "%s wants a terminal: --console-socket says who gets its other end",
			    exec->process);
	}
	return r < 0 ? r : monitor_fork(&exec->monitor, exec->console.slave, err);
}

static int exec_process(struct exec *exec, const char *name, char **words, struct err *err)
{
	if (open_container(exec, name, err) < 0 ||
	    compose_env(&exec->spec.env, &exec->env, err) < 0)
		return fail(exec, err);
	if (exec->terminal && !strv_env_get(&exec->spec.env, "TERM"))
		strv_env_set(&exec->spec.env, "TERM=xterm");
	exec->id = task_random_id();
	if (attach_prepare(&exec->attach, &exec->client, &exec->record, exec->id, exec->interactive,
			   exec->terminal, err) < 0)
		return fail(exec, err);
	return run_process(exec, words, err);
}

/* The command's own part, when another process does the rest. */
static int await(struct exec *exec, struct err *err)
{
	int r = monitor_await(&exec->monitor, err);

	if (r == 0 && exec->pid_file)
		r = spawn_write_pid(exec->monitor.pid, exec->pid_file, err);
	if (r == 0)
		return 0;
	(void)cmd_fail(&command_exec, err);
	return exec->json ? STATUS_OCI_FAILED : cmd_status_of(err);
}

static int exec_all(struct exec *exec, const struct command *self, int argc, char **argv)
{
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, exec, &err), r = at;

	if (r >= 0)
		r = check(exec, argc, at, &err);
	if (r == 0 && exec->process)
		r = load_process(exec, &err);
	if (r == 0 && exec->detach)
		r = detach(exec, &err);
	if (r < 0) {
		(void)cmd_fail(self, &err);
		return exec->process ? STATUS_OCI_FAILED : self->failure;
	}
	return exec->monitor.pid > 0 ? await(exec, &err)
				     : exec_process(exec, argv[at], argv + at + 1, &err);
}

static int exec_main(const struct command *self, int argc, char **argv)
{
	struct exec exec = {
		.paths = PATHS_NULL,
		.record = RECORD_NULL,
		.spec = SANDBOX_SPEC_NULL,
		.client = CLIENT_NULL,
		.attach = ATTACH_NULL,
		.console = CONSOLE_NULL,
		.monitor = MONITOR_NULL,
	};
	int status = exec_all(&exec, self, argc, argv);

	attach_end(&exec.attach);
	client_disconnect(&exec.client);
	sandbox_spec_done(&exec.spec);
	record_done(&exec.record);
	paths_done(&exec.paths);
	strv_done(&exec.env);
	console_done(&exec.console);
	free(exec.id);
	free(exec.json);
	return status;
}

const struct command command_exec = {
	.name = "exec",
	.usage = "[OPTIONS] NAME COMMAND [ARG...] | --process FILE [OPTIONS] NAME",
	.summary = "Run one more command in a running container.",
	.details = "The exit status is the command's, 128 + n when signal n ended it; 125 when "
		   "caisson\n"
		   "failed, 126 when the command cannot be executed, 127 when there is none.\n",
	.opts = options,
	.failure = STATUS_CAISSON_FAILED,
	.command_follows = true,
	.run = exec_main,
};
