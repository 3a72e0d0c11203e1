/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/attach.h"
#include "cmd/cmd.h"
#include "cmd/compose.h"
#include "cmd/task-call.h"
#include "guest.pb-c.h"
#include "rpc/task.h"
#include "task.pb-c.h"

/**
 * struct exec - the options, and what has been made so far
 */
struct exec {
	bool interactive, terminal;
	struct strv env;
	const char *workdir, *user;

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
	{.kind = OPT_END},
};

static int create(struct exec *exec, char **words, struct err *err)
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	int r;

	process.args = words;
	while (words[process.n_args])
		process.n_args++;
	process.env = exec->spec.env.v;
	process.n_env = exec->spec.env.n;
	process.cwd = exec->workdir ? rpc_str(exec->workdir) : exec->spec.cwd;
	process.user = exec->user ? rpc_str(exec->user) : exec->spec.user;
	process.terminal = exec->terminal;
	process.capabilities = exec->spec.capabilities;
	if (rpc_any_pack(&process.base, &any) < 0)
		return err_set(err, -E2BIG, "the command is too long");
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
	(void)cmd_fail(&command_exec, err);
	return cmd_status_of(err);
}

static int open_container(struct exec *exec, const char *name, struct err *err)
{
	int status, r;

	r = paths_init(&exec->paths, err);
	if (r == 0)
		r = record_open(&exec->paths, name, &exec->record, err);
	if (r == 0 && record_state(&exec->record, &status) != RECORD_RUNNING)
		r = err_set(err, -ENOTCONN, "container %s is not running", exec->record.id);
	if (r == 0)
		r = record_load(&exec->record, &exec->spec, err);
	if (r == 0)
		r = client_connect(&exec->client, &exec->record, err);
	return r;
}

static int check(const struct exec *exec, int argc, int at, struct err *err)
{
	if (argc - at < 2)
		return err_set(err, -EINVAL,
			       "which container and which command? See `caisson exec --help`");
	if (compose_check_workdir(exec->workdir, err) < 0)
		return -EINVAL;
	return attach_check(exec->interactive, exec->terminal, err);
}

static int exec_all(struct exec *exec, const struct command *self, int argc, char **argv)
{
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, exec, &err);

	if (at < 0 || check(exec, argc, at, &err) < 0 || open_container(exec, argv[at], &err) < 0 ||
	    compose_env(&exec->spec.env, &exec->env, &err) < 0)
		return cmd_fail(self, &err);
	if (exec->terminal && !strv_env_get(&exec->spec.env, "TERM"))
		strv_env_set(&exec->spec.env, "TERM=xterm");
	exec->id = task_random_id();
	if (attach_prepare(&exec->attach, &exec->client, &exec->record, exec->id, exec->interactive,
			   exec->terminal, &err) < 0)
		return cmd_fail(self, &err);
	return run_process(exec, argv + at + 1, &err);
}

static int exec_main(const struct command *self, int argc, char **argv)
{
	struct exec exec = {
		.paths = PATHS_NULL,
		.record = RECORD_NULL,
		.spec = SANDBOX_SPEC_NULL,
		.client = CLIENT_NULL,
		.attach = ATTACH_NULL,
	};
	int status = exec_all(&exec, self, argc, argv);

	attach_end(&exec.attach);
	client_disconnect(&exec.client);
	sandbox_spec_done(&exec.spec);
	record_done(&exec.record);
	paths_done(&exec.paths);
	strv_done(&exec.env);
	free(exec.id);
	return status;
}

const struct command command_exec = {
	.name = "exec",
	.usage = "[OPTIONS] NAME COMMAND [ARG...]",
	.summary = "Run one more command in a running container.",
	.details = "The exit status is the command's, 128 + n when signal n ended it; 125 when "
		   "caisson\n"
		   "failed, 126 when the command cannot be executed, 127 when there is none.\n",
	.opts = options,
	.failure = STATUS_CAISSON_FAILED,
	.command_follows = true,
	.needs_root = true,
	.run = exec_main,
};
