/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: a call that needs the guest is kept until the process it is about reports
 * (calls.h). Kill, ResizePty and Pids are passed on as the bytes they came in, since the guest
 * speaks the same API.
 *
 * An exec belongs to the connection it was made over, since nothing else tells its client: it may
 * be asked for as long as that is open. After that it is an orphan (process.conn is 0). It belongs
 * to the next connection that speaks of it, as when containerd has been restarted; but when there
 * is no place for another exec, an orphan that has ended makes room.
 */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/mem.h"
#include "base/parse.h"
#include "rpc/task.h"
#include "sandbox/hollow.h"
#include "sandbox/oci-adapt.h"
#include "sandbox/systemd.h"
#include "shim/awake.h"
#include "shim/calls.h"
#include "shim/containerd/containerd.h"
#include "shim/containerd/events.h"
#include "shim/containerd/join.h"
#include "shim/containerd/pod.h"
#include "shim/containerd/streams.h"
#include "shim/control.h"
#include "shim/hold.h"
#include "shim/hollow-calls.h"
#include "shim/lifeline.h"
#include "shim/save.h"
#include "shim/shim.h"
#include "shim/told.h"
#include "task.pb-c.h"

static struct container *find_container(struct ttrpc_call *call, const char *id)
{
	struct container *c = container_find(&shim_of(call)->sandbox, id);

	if (!c)
		process_not_found(call, id, "");
	return c;
}

struct process *shim_find(struct ttrpc_call *call, const char *id, const char *exec_id)
{
	const struct container *c = container_find(&shim_of(call)->sandbox, id);
	struct process *p = NULL;

	if (c && !c->deleted)
		p = *exec_id ? container_find_exec(c, exec_id) : c->init;
	if (!p)
		process_not_found(call, id, exec_id);
	else if (p->conn == 0)
		p->conn = call->conn;
	return p;
}

/*
 * A FIFO that `caisson` made in our run folder has done its work once both ends are open: its name
 * would stay if its maker was killed. Those of other clients are theirs.
 */
static void remove_fifo(const struct record *record, const char *path)
{
	const char *name = str_starts(path, record->run_path);
	struct stat st;

	if (name && *name == '/' && !strchr(name + 1, '/') && lstat(path, &st) == 0 &&
	    S_ISFIFO(st.st_mode))
		(void)unlink(path);
}

static void remove_fifos(const struct record *record, const char *in, const char *out,
			 const char *err)
{
	remove_fifo(record, in);
	remove_fifo(record, out);
	remove_fifo(record, err);
}

static void create_now(struct process *p)
{
	bool joined = shim_container_joined(p->container);

	told_of_init(p);
	process_create(p, NULL, NULL);
	/* One that has joined may be gone by now, and its FIFOs are containerd's. */
	if (!joined)
		remove_fifos(p->container->record, p->fifos[0], p->fifos[1], p->fifos[2]);
}

void shim_task_ready(struct shim *shim)
{
	struct process *p = shim->first.init;

	if (p && p->state == PROCESS_NONE)
		create_now(p);
}

/* A terminal has one output; its user may have given the same FIFO twice. containerd's clients give what they like. */
static bool check_stdio(struct ttrpc_call *call, const struct process_stdio *stdio)
{
	if (shim_of(call)->containerd || !stdio->terminal || !*stdio->err ||
	    strcmp(stdio->out, stdio->err) == 0)
		return true;
	ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT,
			"stderr: a terminal has one output, which is stdout");
	return false;
}

/* How long an end is held back for output that containerd's clients do not read; in nanoseconds. */
#define OUTPUT_PATIENCE (10 * NSEC_PER_SEC)

/* As containerd names them. Return: false: they cannot be opened, which was answered. */
static bool open_streams(struct ttrpc_call *call, const struct container *c,
			 struct process_stdio *stdio, struct streams *streams)
{
	struct err err = ERR_NULL;

	if (!shim_of(call)->containerd || streams_open(c, stdio, streams, &err) == 0)
		return true;
	streams_done(streams);
	ttrpc_call_fail(call, ttrpc_code_from_errno(err.code), "%s", err.text);
	return false;
}

/* The container was described when its VM was started, but to containerd's shims: nothing can be added to that here. */
static bool check_create(struct ttrpc_call *call, const struct container *c,
			 const Containerd__Task__V2__CreateTaskRequest *request)
{
	const struct shim *shim = shim_of(call);
	const Google__Protobuf__Any *options = request->options;
	bool described = !shim->containerd;
	const struct {
		bool wrong;
		enum ttrpc_code code;
		const char *text;
	} fields[] = {
		{*request->checkpoint && !sandbox_spec_is_restored(c->spec), TTRPC_UNIMPLEMENTED,
		 "checkpoint: one is restored by `caisson restore` only"},
		{!*request->checkpoint && sandbox_spec_is_restored(c->spec), TTRPC_INVALID_ARGUMENT,
		 "checkpoint: the container is restored of one"},
		{*request->parent_checkpoint, TTRPC_UNIMPLEMENTED,
		 "parent_checkpoint: restoring is not implemented"},
		{described && *request->bundle && strcmp(request->bundle, c->record->dir_path) != 0,
		 TTRPC_INVALID_ARGUMENT, "bundle: it is not this container's"},
		{described && request->n_rootfs > 0, TTRPC_INVALID_ARGUMENT,
		 "rootfs: the container has its root file system already"},
		{described && options && (*options->type_url || options->value.len > 0),
		 TTRPC_INVALID_ARGUMENT, "options: there are none for a container of caisson"},
		{request->terminal != c->spec->terminal, TTRPC_INVALID_ARGUMENT,
		 "terminal: the container was described otherwise"},
		{shim->stdio && (*request->stdin_ || *request->stdout_ || *request->stderr_),
		 TTRPC_INVALID_ARGUMENT, "stdin, stdout, stderr: the container has them already"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!fields[i].wrong)
			continue;
		ttrpc_call_fail(call, fields[i].code, "%s", fields[i].text);
		return false;
	}
	return true;
}

static uint64_t patience(const struct container *c)
{
	const struct shim *shim = c->sandbox->userdata;

	return shim->containerd ? OUTPUT_PATIENCE : 0;
}

static void create(struct container *c, struct ttrpc_call *call, const struct process_stdio *stdio)
{
	const struct shim *shim = shim_of(call);

	c->init = process_new(c, "", stdio, shim->stdio || shim->containerd ? NULL : &c->log);
	c->init->patience = patience(c);
	calls_keep(c->init, call);
}

/* One more of a group, whose VM is up. */
static void join(struct ttrpc_call *call, const Containerd__Task__V2__CreateTaskRequest *request,
		 struct process_stdio *stdio)
{
	struct streams streams = STREAMS_NULL;
	struct container *c = check_stdio(call, stdio) ? join_create(call, request) : NULL;

	if (!c)
		return;
	if (!open_streams(call, c, stdio, &streams)) {
		join_leave(c);
		join_free(c);
		return;
	}
	events_creating(c, request);
	create(c, call, stdio);
	create_now(c->init);
}

/* Who asks by gRPC, as kubelet does, takes UNAVAILABLE for a containerd that is not there: what went wrong is lost on it. */
static void fail_without_vm(struct ttrpc_call *call, const struct shim *shim)
{
	ttrpc_call_fail(call, shim->containerd ? TTRPC_UNKNOWN : TTRPC_UNAVAILABLE, "%s",
			shim_why_ended(shim));
}

static void task_create(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	static const int stdio_fds[] = {SHIM_FD_STDIN, SHIM_FD_STDIN + 1, SHIM_FD_STDIN + 2};
	const Containerd__Task__V2__CreateTaskRequest *request = (const void *)message;
	struct process_stdio stdio = {
		.in = request->stdin_,
		.out = request->stdout_,
		.err = request->stderr_,
		.terminal = request->terminal,
	};
	struct streams streams = STREAMS_NULL;
	struct shim *shim = shim_of(call);
	struct container *c = container_find(&shim->sandbox, request->id);

	if (!c && shim->sandbox.group) {
		join(call, request, &stdio);
		return;
	}
	c = find_container(call, request->id);
	if (c && pod_of(shim)) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION,
				"%s is a sandbox, and no container", request->id);
		return;
	}
	if (!c || !check_create(call, c, request) || !check_stdio(call, &stdio))
		return;
	if (c->init) {
		ttrpc_call_fail(call, TTRPC_ALREADY_EXISTS, "container %s already exists",
				request->id);
		return;
	}
	if (shim->containerd && !containerd_create(call, request))
		return;
	if (shim->sandbox.state != SANDBOX_BOOTING && shim->sandbox.state != SANDBOX_READY) {
		fail_without_vm(call, shim);
		return;
	}
	if (!open_streams(call, c, &stdio, &streams))
		return;
	if (shim->stdio)
		stdio.fds = stdio_fds;
	create(c, call, &stdio);
	if (*request->checkpoint)
		c->init->checkpoint = xstrdup(request->checkpoint);
	if (shim->sandbox.state == SANDBOX_READY)
		create_now(c->init);
}

static void network_applied(struct network *network _unused_, const struct err *err, void *userdata)
{
	struct process *p = userdata;

	/* Time may have run out. */
	if (p->state != PROCESS_STARTING)
		return;
	if (!err)
		process_start(p);
	else
		process_not_started(p, err);
}

/* An engine may have made the interfaces since the container was created. */
void shim_start(struct process *p)
{
	struct network *network = &p->container->sandbox->network;

	p->start_asked = loop_now(p->container->sandbox->loop);
	process_starting(p);
	if (p == shim_of_process(p)->first.init && network->n > 0)
		network_apply(network, network_applied, p);
	else
		process_start(p);
}

static void task_start(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StartRequest *request = (const void *)message;
	struct process *p = shim_find(call, request->id, request->exec_id);

	if (!p)
		return;
	if (shim_of(call)->visit) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION,
				"container %s has ended: its VM is up for its files only",
				request->id);
		return;
	}
	if (!process_check(call, p->state, PROCESS_OP_START) ||
	    (*p->exec_id && !process_check(call, p->container->init->state, PROCESS_OP_EXEC)))
		return;
	/* By now its client has opened what it reads. */
	if (*p->exec_id) {
		stream_follow(&p->out);
		stream_follow(&p->err);
	}
	calls_keep(p, call);
	shim_start(p);
}

/* Nobody will start it, or ask how it ended. */
static bool is_useless(const struct shim *shim, const struct process *p)
{
	return p->conn == 0 && (p->state == PROCESS_ADDED || p->state == PROCESS_STOPPED) &&
	       !calls_waited_for(shim, p);
}

static bool make_room(struct shim *shim, struct container *c)
{
	if (c->n_execs < ABI_EXECS_MAX)
		return true;
	list_for_each (it, &c->execs) {
		struct process *p = container_of(it, struct process, link);

		if (is_useless(shim, p)) {
			told_forget_exec(shim, p);
			return true;
		}
	}
	return false;
}

static bool exec_allowed(struct ttrpc_call *call, struct container *c, const char *exec_id)
{
	if (!process_check(call, c->init->state, PROCESS_OP_EXEC) ||
	    !hollow_calls_check(call, c->init))
		return false;
	if (container_find_exec(c, exec_id)) {
		ttrpc_call_fail(call, TTRPC_ALREADY_EXISTS, "exec %s already exists", exec_id);
		return false;
	}
	if (!make_room(shim_of(call), c)) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED,
				"container %s has %d execs already: no more at the same time",
				c->spec->id, ABI_EXECS_MAX);
		return false;
	}
	return true;
}

/* struct exec_spec - what an exec runs: one of the two */
struct exec_spec {
	ProtobufCMessage *process;
	char *json, *command;
	bool terminal;
};

static int read_json(const struct shim *shim, const struct container *c,
		     const Google__Protobuf__Any *spec, struct exec_spec *ret, struct err *err)
{
	int r;

	if (!sandbox_spec_has_bundle(c->spec))
		return err_set(err, -EINVAL,
			       "spec: of type " ABI_TYPE_OCI_PROCESS " only for an OCI bundle");
	r = oci_process_adapt(spec->value.data, spec->value.len, &ret->json, &ret->command,
			      &ret->terminal, err);
	if (r == 0 && shim->containerd)
		oci_process_lend_tar(&ret->json);
	return r;
}

static int read_spec(const struct shim *shim, const struct container *c,
		     const Google__Protobuf__Any *spec, struct exec_spec *ret, struct err *err)
{
	*ret = (struct exec_spec){.process = NULL};
	if (spec && strcmp(spec->type_url, ABI_TYPE_OCI_PROCESS) == 0)
		return read_json(shim, c, spec, ret, err);
	if (rpc_any_unpack(spec, &caisson__guest__v1__process__descriptor, &ret->process) < 0)
		return err_set(err, -EINVAL, "exec needs a spec of type " ABI_TYPE_PROCESS);
	ret->terminal = ((Caisson__Guest__V1__Process *)ret->process)->terminal;
	return 0;
}

static void exec_spec_done(struct exec_spec *spec)
{
	rpc_free(spec->process);
	free(spec->json);
	free(spec->command);
}

static struct process *add_exec(struct container *c, uint64_t conn, const char *exec_id,
				const struct process_stdio *stdio, const char *command)
{
	struct process *p = process_new(c, exec_id, stdio, NULL);

	p->conn = conn;
	p->patience = patience(c);
	p->command = command ? xstrdup(command) : NULL;
	list_append(&c->execs, &p->link);
	c->n_execs++;
	told_of_exec(p);
	return p;
}

static void task_exec(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ExecProcessRequest *request = (const void *)message;
	struct process_stdio stdio = {
		.in = request->stdin_,
		.out = request->stdout_,
		.err = request->stderr_,
		.terminal = request->terminal,
	};
	const struct process *init = shim_find(call, request->id, "");
	struct streams streams = STREAMS_NULL;
	struct err err = ERR_NULL;
	struct exec_spec spec;
	struct container *c;
	struct process *p;

	if (!init || !exec_allowed(call, init->container, request->exec_id))
		return;
	c = init->container;
	if (!process_id_valid(request->exec_id)) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "exec needs a valid exec_id");
		return;
	}
	if (read_spec(shim_of(call), c, request->spec, &spec, &err) < 0) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "%s", err.text);
		return;
	}
	stdio.terminal |= spec.terminal;
	if (check_stdio(call, &stdio) && open_streams(call, c, &stdio, &streams)) {
		p = add_exec(c, call->conn, request->exec_id, &stdio, spec.command);
		calls_keep(p, call);
		process_create(p, (Caisson__Guest__V1__Process *)take_ptr(spec.process),
			       take_ptr(spec.json));
		/* It may have failed, and be gone. */
		remove_fifos(c->record, stdio.in, stdio.out, stdio.err);
	}
	exec_spec_done(&spec);
}

void shim_wait(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__WaitRequest *request = (const void *)message;
	struct process *p = shim_find(call, request->id, request->exec_id);

	if (p)
		calls_wait(call, p);
}

/* To the first process of a whole system, the same in its own words. */
static void forward_kill(struct ttrpc_call *call, const struct sandbox_spec *spec,
			 const Containerd__Task__V2__KillRequest *request)
{
	Containerd__Task__V2__KillRequest changed = *request;
	_cleanup_free_ uint8_t *payload = NULL;
	size_t len;

	if (!*request->exec_id)
		changed.signal = systemd_signal(spec, request->signal);
	if (changed.signal == request->signal) {
		calls_forward(call);
		return;
	}
	payload = xmalloc(protobuf_c_message_get_packed_size(&changed.base));
	len = protobuf_c_message_pack(&changed.base, payload);
	calls_forward_as(call, "Kill", payload, len, NULL);
}

static void task_kill(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__KillRequest *request = (const void *)message;
	struct shim *shim = shim_of(call);
	struct process *p = shim_find(call, request->id, request->exec_id);
	bool booting = shim->sandbox.state == SANDBOX_BOOTING;

	if (!p || !process_check(call, p->state, PROCESS_OP_KILL) ||
	    !process_check_kill(call, request))
		return;
	standby_forbid(&shim->sandbox.standby);
	if (booting && request->signal == SIGKILL) {
		/* There is no guest yet that could be asked, and nothing that has to hear of it. */
		rpc_reply_empty(call);
		sandbox_stop(&shim->sandbox, false);
	} else if (hollow_is_empty(p) && p->state != PROCESS_NONE) {
		rpc_reply_empty(call);
		hollow_signal(p, (int)request->signal);
	} else if (shim->containerd && request->signal == SIGKILL && !*request->exec_id) {
		if (calls_forward_or_end(call))
			process_killed(p);
	} else {
		forward_kill(call, p->container->spec, request);
	}
}

static void task_resize(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ResizePtyRequest *request = (const void *)message;
	struct process *p = shim_find(call, request->id, request->exec_id);

	if (p && process_check(call, p->state, PROCESS_OP_RESIZE))
		calls_forward(call);
}

static void task_pids(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PidsRequest *request = (const void *)message;
	const struct process *p = shim_find(call, request->id, "");

	if (p && shim_of(call)->containerd)
		containerd_pids(call, p);
	else if (p && process_check(call, p->state, PROCESS_OP_PIDS))
		calls_forward(call);
}

static void task_close_io(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CloseIORequest *request = (const void *)message;
	struct process *p = shim_find(call, request->id, request->exec_id);

	if (!p)
		return;
	if (request->stdin_)
		process_close_input(p);
	rpc_reply_empty(call);
}

static void task_state(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StateRequest *request = (const void *)message;
	Containerd__Task__V2__StateResponse response = CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	struct process *p = shim_find(call, request->id, request->exec_id);

	if (!p)
		return;
	response.id = *p->exec_id ? p->exec_id : request->id;
	response.exec_id = p->exec_id;
	response.bundle = shim_of(call)->containerd ? p->container->spec->bundle
						    : p->container->record->dir_path;
	response.pid = told_pid(p);
	response.status = process_status(p->state);
	response.stdin_ = p->fifos[0];
	response.stdout_ = p->fifos[1];
	response.stderr_ = p->fifos[2];
	response.terminal = p->terminal;
	if (p->state == PROCESS_STOPPED) {
		rpc_timestamp(&p->exited_at, &at);
		response.exit_status = p->status;
		response.exited_at = &at;
	}
	rpc_reply(call, &response.base);
}

/* Callers connect to learn whether anyone is there: an unknown container is no error. */
static void task_connect(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ConnectRequest *request = (const void *)message;
	Containerd__Task__V2__ConnectResponse response =
		CONTAINERD__TASK__V2__CONNECT_RESPONSE__INIT;
	const struct shim *shim = shim_of(call);
	const struct container *c = container_find(&shim->sandbox, request->id);

	response.shim_pid = (uint32_t)shim->keeper;
	if (c && c->init)
		response.task_pid = told_pid(c->init);
	response.version = (char *)CAISSON_VERSION;
	rpc_reply(call, &response.base);
}

static void task_delete(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__DeleteRequest *request = (const void *)message;
	struct process *p = shim_find(call, request->id, request->exec_id);

	if (!p || !process_check(call, p->state, PROCESS_OP_DELETE))
		return;
	if (p->state != PROCESS_STOPPED) {
		calls_keep(p, call);
		process_delete(p);
		return;
	}
	if (p->forgetting)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION,
				"cannot delete a process that is being deleted");
	else if (shim_container_joined(p->container) && !*p->exec_id)
		told_forget(call, p);
	else
		told_deleted(call, p);
}

static void task_shutdown(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ShutdownRequest *request = (const void *)message;
	struct shim *shim = shim_of(call);
	const struct container *c = container_find(&shim->sandbox, request->id);
	bool live = shim->first.init && !shim->first.deleted &&
		    shim->first.init->state != PROCESS_STOPPED;

	/* containerd asks for it with each container that it has deleted. */
	if (!shim->sandbox.group && !c) {
		process_not_found(call, request->id, "");
		return;
	}
	rpc_reply_empty(call);
	if (request->now && c && shim_container_joined(c)) {
		told_remove(c->init);
		return;
	}
	/* A sandbox is asked to by its own service. */
	if ((live || pod_of(shim) || !shim_container_is_alone(&shim->sandbox)) && !request->now)
		return;
	if (shim->containerd)
		containerd_shutdown(shim);
	else
		sandbox_stop(&shim->sandbox, false);
}

const struct ttrpc_method shim_task_methods[] = {
	RPC_TASK("State", state, task_state),
	RPC_TASK("Create", create_task, task_create),
	RPC_TASK("Start", start, task_start),
	RPC_TASK("Delete", delete, task_delete),
	RPC_TASK("Pids", pids, task_pids),
	RPC_TASK_EMPTY("Kill", kill, task_kill),
	RPC_TASK_EMPTY("Exec", exec_process, task_exec),
	RPC_TASK_EMPTY("ResizePty", resize_pty, task_resize),
	RPC_METHOD("CloseIO", containerd__task__v2__close_iorequest, google__protobuf__empty,
		   task_close_io),
	RPC_TASK("Wait", wait, shim_wait),
	RPC_TASK_EMPTY("Pause", pause, control_pause),
	RPC_TASK_EMPTY("Resume", resume, control_resume),
	RPC_TASK_EMPTY("Update", update_task, control_update),
	RPC_TASK("Stats", stats, control_stats),
	RPC_TASK_EMPTY("Checkpoint", checkpoint_task, control_checkpoint),
	RPC_TASK("Connect", connect, task_connect),
	RPC_TASK_EMPTY("Shutdown", shutdown, task_shutdown),
	{.name = NULL},
};

void shim_task_signal(struct process *p, int signo)
{
	const char *why;

	if (p && process_allows(p->state, PROCESS_OP_KILL, &why) == TTRPC_OK)
		process_signal(p, signo);
}

static void container_lost(struct shim *shim, struct container *c)
{
	struct process *p = c->init;
	struct ttrpc_call *call;

	list_for_each_safe (it, &c->execs)
		process_lost(container_of(it, struct process, link));
	if (!p)
		return;
	if (p->state == PROCESS_NONE) {
		call = calls_kept(p);
		if (call)
			fail_without_vm(call, shim);
		calls_fail_waiters(shim, p, shim_why_ended(shim));
		c->deleted = shim->containerd != NULL;
		return;
	}
	process_lost(p);
}

void shim_task_lost(struct shim *shim)
{
	calls_lost(shim);
	save_lost(shim);
	list_for_each_safe (it, &shim->sandbox.containers)
		container_lost(shim, container_of(it, struct container, link));
	hollow_lost(&shim->first);
}

/*
 * Engines see processes of ours end, and as everywhere the container's first one is to be the last: Docker
 * forgets the container with it, and whoever waits for an exec of it then waits for ever.
 */
static bool exec_telling(const struct shim *shim, const struct process *p)
{
	return p->state == PROCESS_STOPPING || (shim->stdio && p->conn != 0);
}

static bool container_telling(const struct shim *shim, const struct container *c)
{
	if (c->init && c->init->state == PROCESS_STOPPING)
		return true;
	list_for_each (it, &c->execs)
		if (exec_telling(shim, container_of(it, struct process, link)))
			return true;
	return false;
}

bool shim_task_telling(const struct shim *shim)
{
	if (!list_empty(&shim->waiters))
		return true;
	list_for_each (it, &shim->sandbox.containers)
		if (container_telling(shim, container_of(it, struct container, link)))
			return true;
	return false;
}

static void forget_conn(struct container *c, uint64_t conn)
{
	list_for_each (it, &c->execs) {
		struct process *p = container_of(it, struct process, link);

		if (p->conn == conn)
			p->conn = 0;
	}
}

void shim_task_conn_closed(struct shim *shim, uint64_t conn)
{
	list_for_each (it, &shim->sandbox.containers)
		forget_conn(container_of(it, struct container, link), conn);
	awake_conn_closed(shim, conn);
	hold_conn_closed(shim, conn);
}

void shim_task_deinit(struct shim *shim)
{
	awake_forget(shim);
	list_for_each_safe (it, &shim->sandbox.containers) {
		struct container *c = container_of(it, struct container, link);

		if (shim_container_joined(c)) {
			join_lost(c);
			continue;
		}
		hold_forget(c, TTRPC_CANCELLED, "");
		shim_container_deinit(c);
	}
}
