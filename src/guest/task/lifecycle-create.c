/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/lifecycle-create.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest/oci/bundle.h"
#include "guest/task/process-io.h"
#include "guest/task/task-control.h"
#include "guest/task/task-events.h"
#include "rpc/task.h"
#include "task.pb-c.h"

/* How a process comes to be. A function that returns false has answered the call. */

bool lifecycle_fail(struct ttrpc_call *call, enum ttrpc_code code, const char *text,
		    const char *what)
{
	ttrpc_call_fail(call, code, "%s%s", text, what);
	return false;
}

static bool check_process(struct ttrpc_call *call, const Caisson__Guest__V1__Process *process,
			  bool may_be_open)
{
	if (!process || (process->n_args == 0 && !may_be_open))
		return lifecycle_fail(call, TTRPC_INVALID_ARGUMENT,
				      "there is no command to execute", "");
	if (*process->cwd && *process->cwd != '/')
		return lifecycle_fail(call, TTRPC_INVALID_ARGUMENT,
				      "the working directory is not absolute: ", process->cwd);
	return true;
}

static bool take_stdio(struct ttrpc_call *call, struct process *p, const char *const names[4])
{
	int which, r;

	if (process_set_names(p, names) < 0)
		return lifecycle_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory", "");
	r = process_io_take(p, task_of(call)->streams, names + 1, &which);
	if (r == -ENOENT)
		return lifecycle_fail(call, TTRPC_NOT_FOUND, "no such stream: ", names[1 + which]);
	if (r < 0 && p->terminal && which > 0)
		return lifecycle_fail(
			call, TTRPC_INVALID_ARGUMENT,
			"a terminal needs a stream for stdout, and has none for stderr", "");
	if (r < 0)
		return lifecycle_fail(call, TTRPC_INVALID_ARGUMENT,
				      "not a stream: ", names[1 + which]);
	return true;
}

/* @container: NULL: a container's first process. */
static bool check_id(struct ttrpc_call *call, const struct process *container,
		     const struct executor *executor, const char *id)
{
	struct process_table *table = &task_of(call)->processes;

	if (task_of(call)->closing)
		return lifecycle_fail(call, TTRPC_FAILED_PRECONDITION,
				      "the virtual machine is being shut down", "");
	if (!process_id_valid(id))
		return lifecycle_fail(call, TTRPC_INVALID_ARGUMENT, "not a valid id: ", id);
	if (process_find(table, container ? container->id : id, container ? id : ""))
		return lifecycle_fail(call, TTRPC_ALREADY_EXISTS, "already exists: ", id);
	if (container)
		return true;
	for (struct process *p = NULL; (p = process_next(table, p));)
		if (!p->deleted && !process_is_exec(p) &&
		    !(executor->ops->takes_bundles && p->executor == executor))
			return lifecycle_fail(call, TTRPC_RESOURCE_EXHAUSTED,
					      "this VM belongs to another container: ", p->id);
	return true;
}

static struct process *new_process(struct ttrpc_call *call, struct process *container,
				   struct executor *executor, const char *id)
{
	struct task *task = task_of(call);
	struct process *p;

	if (!check_id(call, container, executor, id))
		return NULL;
	p = process_new(&task->processes, container, id);
	if (!p) {
		lifecycle_fail(call, TTRPC_RESOURCE_EXHAUSTED, "too many processes", "");
		return NULL;
	}
	p->executor = executor;
	return p;
}

bool lifecycle_spawn(struct ttrpc_call *call, struct process *p,
		     const struct executor_request *request,
		     int (*begin)(struct executor *executor, struct process *process,
				  const struct executor_request *request))
{
	int r = process_io_connect(p, task_of(call)->loop, p->executor->ops->takes_bundles);

	if (r == 0)
		r = begin(p->executor, p, request);
	process_io_spawned(p);
	if (r == -ESRCH)
		return lifecycle_fail(call, TTRPC_FAILED_PRECONDITION,
				      "cannot exec in a stopped container", "");
	if (r == -EAGAIN)
		return lifecycle_fail(
			call, TTRPC_RESOURCE_EXHAUSTED,
			"too much is being started or removed at the moment: try again", "");
	if (r < 0)
		return lifecycle_fail(call, TTRPC_RESOURCE_EXHAUSTED,
				      "cannot start a process: ", strerror(-r));
	return true;
}

static bool check_create(struct ttrpc_call *call,
			 const Containerd__Task__V2__CreateTaskRequest *request)
{
	if (*request->parent_checkpoint)
		return lifecycle_fail(call, TTRPC_UNIMPLEMENTED,
				      "parent_checkpoint: restoring is not implemented", "");
	return true;
}

static bool create_with(struct ttrpc_call *call,
			const Containerd__Task__V2__CreateTaskRequest *request,
			struct executor *executor, const struct executor_request *what,
			bool terminal)
{
	const char *const names[] = {request->bundle, request->stdin_, request->stdout_,
				     request->stderr_};
	struct process *p = new_process(call, NULL, executor, request->id);

	if (!p)
		return false;
	p->terminal = terminal;
	p->state = PROCESS_CREATING;
	if (!take_stdio(call, p, names) || !task_control_make(call, p, what->resources) ||
	    !lifecycle_spawn(call, p, what, executor->ops->create)) {
		lifecycle_release(p);
		return false;
	}
	process_keep_call(p, call);
	return true;
}

static bool create(struct ttrpc_call *call, const Containerd__Task__V2__CreateTaskRequest *request,
		   Caisson__Guest__V1__Container *container)
{
	struct executor_request what = {.container = container,
					.process = container->process,
					.n_rootfs = request->n_rootfs,
					.rootfs = request->rootfs,
					.resources = container->resources};

	if (!check_create(call, request))
		return false;
	if (request->n_rootfs == 0)
		return lifecycle_fail(call, TTRPC_INVALID_ARGUMENT, "there is no root file system",
				      "");
	if (!check_process(call, container->process, container->settings_in_image))
		return false;
	container->process->terminal |= request->terminal;
	return create_with(call, request, task_of(call)->executor, &what,
			   container->process->terminal);
}

static bool create_from_bundle(struct ttrpc_call *call,
			       const Containerd__Task__V2__CreateTaskRequest *request)
{
	struct executor_request what = {.n_rootfs = request->n_rootfs, .rootfs = request->rootfs};
	struct executor *executor = task_of(call)->bundles;

	if (!executor)
		return lifecycle_fail(
			call, TTRPC_UNIMPLEMENTED,
			"options: without them the container is a bundle, and this VM has no ",
			ABI_CRUN);
	if (!check_create(call, request) || !check_id(call, NULL, executor, request->id))
		return false;
	if (!bundle_exists(request->bundle, request->id))
		return lifecycle_fail(call, TTRPC_INVALID_ARGUMENT,
				      "bundle: not what Bundle.Create made for this container: ",
				      request->bundle);
	return create_with(call, request, executor, &what, request->terminal);
}

/* Nothing else would ever remove it; one of a container that there is has its use. */
static void drop_bundle(struct task *task, const Containerd__Task__V2__CreateTaskRequest *request)
{
	if (process_id_valid(request->id) && bundle_exists(request->bundle, request->id) &&
	    !process_find(&task->processes, request->id, ""))
		(void)bundle_remove(request->id);
}

static bool is_still(struct ttrpc_call *call, const struct process *p)
{
	/* crun knows it by its name. */
	return (p->state == PROCESS_PAUSED && !p->terminal && !p->executor->ops->takes_bundles) ||
	       lifecycle_fail(call, TTRPC_FAILED_PRECONDITION,
			      "not paused, or it has a terminal: ", p->id);
}

/* Nothing of it is to be on its way when the VM is saved, for connections are not. Create adopts it then. */
void lifecycle_checkpoint(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CheckpointTaskRequest *request = (const void *)message;
	struct process *p = task_find(call, request->id, "");

	if (!p || !is_still(call, p))
		return;
	process_io_mute(p);
	rpc_reply_empty(call);
}

static void rename_container(struct process *p, const char *id)
{
	struct utsname name;

	if (uname(&name) == 0 && strcmp(name.nodename, p->id) == 0)
		(void)sethostname(id, strlen(id));
	(void)snprintf(p->id, sizeof(p->id), "%s", id);
}

/* It was saved with the VM, under the name that @request->checkpoint is: it gets a name and streams. */
static bool adopt(struct ttrpc_call *call, const Containerd__Task__V2__CreateTaskRequest *request)
{
	const char *const names[] = {request->bundle, request->stdin_, request->stdout_,
				     request->stderr_};
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	struct process *p = task_find(call, request->checkpoint, "");

	if (!p || !is_still(call, p))
		return false;
	if (!process_id_valid(request->id))
		return lifecycle_fail(call, TTRPC_INVALID_ARGUMENT,
				      "not a valid id: ", request->id);
	if (!take_stdio(call, p, names))
		return false;
	process_io_unmute(p, task_of(call)->loop);
	rename_container(p, request->id);
	response.pid = (uint32_t)p->pid;
	rpc_reply(call, &response.base);
	return true;
}

void lifecycle_create(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CreateTaskRequest *request = (const void *)message;
	struct task *task = task_of(call);
	ProtobufCMessage *container = NULL;
	bool ok;

	if (*request->checkpoint)
		ok = adopt(call, request);
	else if (!request->options)
		ok = create_from_bundle(call, request);
	else
		ok = task_unpack(call, request->options, &caisson__guest__v1__container__descriptor,
				 &container) &&
		     create(call, request, (Caisson__Guest__V1__Container *)container);
	rpc_free(container);
	/* The call was answered then, and is no more. */
	if (!ok)
		drop_bundle(task, request);
}

/* Only looked at, and kept for the start. */
static bool keep_spec(struct ttrpc_call *call, struct process *p, const Google__Protobuf__Any *any)
{
	int r = process_keep_spec(p, any->value.data, any->value.len);

	if (r == -ENOBUFS)
		return lifecycle_fail(call, TTRPC_RESOURCE_EXHAUSTED,
				      "too much is kept of execs that were not started", "");
	return r == 0 || lifecycle_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory", "");
}

/* @process: NULL: an OCI process, which nobody here unpacks. */
static bool add(struct ttrpc_call *call, const Containerd__Task__V2__ExecProcessRequest *request,
		struct process *container, const Caisson__Guest__V1__Process *process)
{
	const char *const names[] = {"", request->stdin_, request->stdout_, request->stderr_};
	struct process *p;

	p = new_process(call, container, container->executor, request->exec_id);
	if (!p)
		return false;
	p->terminal = request->terminal || (process && process->terminal);
	p->capabilities = process ? process->capabilities : 0;
	p->state = PROCESS_ADDED;
	if (!take_stdio(call, p, names) || !keep_spec(call, p, request->spec)) {
		lifecycle_release(p);
		return false;
	}
	task_event_exec_added(task_of(call)->events, p);
	rpc_reply_empty(call);
	return true;
}

static bool check_json(struct ttrpc_call *call, const Google__Protobuf__Any *any)
{
	if (!any)
		return lifecycle_fail(call, TTRPC_INVALID_ARGUMENT, "the request has no ",
				      ABI_TYPE_OCI_PROCESS);
	if (!rpc_any_is(any, ABI_TYPE_OCI_PROCESS))
		return lifecycle_fail(call, TTRPC_INVALID_ARGUMENT,
				      "type not supported: ", any->type_url);
	if (any->value.len == 0 || any->value.data[0] != '{')
		return lifecycle_fail(call, TTRPC_INVALID_ARGUMENT,
				      "not valid: ", ABI_TYPE_OCI_PROCESS);
	return true;
}

void lifecycle_exec(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ExecProcessRequest *request = (const void *)message;
	struct process *container = task_find(call, request->id, "");
	const Caisson__Guest__V1__Process *process;
	ProtobufCMessage *unpacked = NULL;

	if (!container || !process_check(call, container->state, PROCESS_OP_EXEC))
		return;
	if (container->executor->ops->takes_bundles) {
		if (check_json(call, request->spec))
			(void)add(call, request, container, NULL);
		return;
	}
	if (!task_unpack(call, request->spec, &caisson__guest__v1__process__descriptor, &unpacked))
		return;
	process = (Caisson__Guest__V1__Process *)unpacked;
	if (check_process(call, process, false))
		(void)add(call, request, container, process);
	rpc_free(unpacked);
}
