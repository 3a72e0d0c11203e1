/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/attach.h"
#include "cmd/cmd.h"
#include "cmd/compose.h"
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

	char id[24];
	struct paths paths;
	struct record record;
	struct sandbox_spec spec;
	struct client client;
	struct attach attach;
};

static const struct opt options[] = {
#define OPTION(letter, name, kind, member, argument, help)                        \
	{                                                                         \
		letter, name, kind, offsetof(struct exec, member), argument, help \
	}
	OPTION('i', "interactive", OPT_FLAG, interactive, NULL, "pass stdin on to the command"),
	OPTION('t', "tty", OPT_FLAG, terminal, NULL, "give the command a terminal"),
	OPTION('e', "env", OPT_STRV, env, "K=V", "set a variable; K alone: take it from here"),
	OPTION('w', "workdir", OPT_STRING, workdir, "DIR", "folder to start in"),
	OPTION('u', "user", OPT_STRING, user, "USER[:GROUP]", "names or numbers"),
	{.kind = OPT_END},
#undef OPTION
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
	process.cwd = exec->workdir ? (char *)exec->workdir : exec->spec.cwd;
	process.user = exec->user ? (char *)exec->user : exec->spec.user;
	process.terminal = exec->terminal;
	process.capabilities = exec->spec.capabilities;
	if (rpc_any_pack(&process.base, &any) < 0)
		return err_set(err, -E2BIG, "the command is too long");
	request.id = exec->record.id;
	request.exec_id = exec->id;
	request.terminal = exec->terminal;
	request.stdin_ = (char *)attach_path(&exec->attach, 0);
	request.stdout_ = (char *)attach_path(&exec->attach, 1);
	request.stderr_ = (char *)attach_path(&exec->attach, 2);
	request.spec = &any;
	r = client_call(&exec->client, "Exec", &request.base, NULL, NULL, err);
	rpc_any_done(&any);
	return r;
}

static int start(struct exec *exec, struct err *err)
{
	Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;

	request.id = exec->record.id;
	request.exec_id = exec->id;
	return client_call(&exec->client, "Start", &request.base, NULL, NULL, err);
}

static int wait_for_end(struct exec *exec, int *ret_status, struct err *err)
{
	Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	ProtobufCMessage *m;
	int r;

	request.id = exec->record.id;
	request.exec_id = exec->id;
	r = client_call(&exec->client, "Wait", &request.base,
			&containerd__task__v2__wait_response__descriptor, &m, err);
	if (r < 0)
		return r;
	*ret_status = (int)((Containerd__Task__V2__WaitResponse *)m)->exit_status;
	rpc_free(m);
	attach_drain(&exec->attach);
	return 0;
}

static void delete (struct exec *exec)
{
	Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;

	request.id = exec->record.id;
	request.exec_id = exec->id;
	(void)client_call(&exec->client, "Delete", &request.base, NULL, NULL, NULL);
}

/* Somebody gave up: the process must not go on unseen. */
static void kill_it(struct exec *exec)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	exec->client.cancelled = false;
	request.id = exec->record.id;
	request.exec_id = exec->id;
	request.signal = SIGKILL;
	(void)client_call(&exec->client, "Kill", &request.base, NULL, NULL, NULL);
}

static int run_process(struct exec *exec, char **words, struct err *err)
{
	int r, status = 0;

	r = create(exec, words, err);
	if (r == 0)
		r = attach_begin(&exec->attach, err);
	if (r == 0)
		r = start(exec, err);
	if (r == 0) {
		attach_running(&exec->attach);
		r = wait_for_end(exec, &status, err);
	}
	if (exec->client.cancelled) {
		kill_it(exec);
		return STATUS_INTERRUPTED;
	}
	delete (exec);
	attach_end(&exec->attach);
	if (r == 0)
		return status;
	(void)cmd_fail(&command_exec, err);
	return cmd_status_of(err);
}

static void random_id(char *buf, size_t size)
{
	uint64_t n;

	if (getrandom(&n, sizeof(n), 0) != sizeof(n))
		abort();
	(void)snprintf(buf, size, "e%016llx", (unsigned long long)n);
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
	if (exec->workdir && *exec->workdir != '/')
		return err_set(err, -EINVAL, "--workdir %s: must be an absolute path",
			       exec->workdir);
	if (exec->terminal && exec->interactive && !isatty(STDIN_FILENO))
		return err_set(err, -EINVAL,
			       "--tty with --interactive needs a terminal on stdin: leave out -t");
	return 0;
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
	random_id(exec->id, sizeof(exec->id));
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
	.run = exec_main,
};
