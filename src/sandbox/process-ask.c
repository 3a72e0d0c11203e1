/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/process-ask.h"

#include "base/macro.h"
#include "rpc/task.h"
#include "sandbox/process-mounts.h"
#include "sandbox/process-oci.h"
#include "sandbox/process-root.h"
#include "sandbox/stages.h"
#include "task.pb-c.h"

static void fill_from_spec(const struct sandbox_spec *spec, Caisson__Guest__V1__Process *process)
{
	process->args = spec->args.v;
	process->n_args = spec->args.n;
	process->env = spec->env.v;
	process->n_env = spec->env.n;
	process->cwd = spec->cwd;
	process->user = spec->user;
	process->terminal = spec->terminal;
	process->capabilities = spec->capabilities;
}

static int send_create(struct process *p, char *const names[3],
		       void (*answered)(struct ttrpc_request *req,
					const struct ttrpc_answer *answer),
		       struct err *err _unused_)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Caisson__Guest__V1__Container container = CAISSON__GUEST__V1__CONTAINER__INIT;
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;
	struct process_root root;
	struct process_mounts mounts;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	const struct sandbox_spec *spec = p->container->spec;
	int r;

	fill_from_spec(spec, &process);
	container.process = &process;
	container.hostname = spec->id;
	container.settings_in_image = spec->settings_in_image;
	process_root(p->container, &root);
	process_mounts(spec, &mounts, &container);
	r = rpc_any_pack(&container.base, &any);
	process_mounts_done(&mounts);
	if (r < 0)
		return r;
	request.id = spec->id;
	request.rootfs = root.mounts;
	request.n_rootfs = root.n;
	request.terminal = p->terminal;
	request.stdin_ = names[0];
	request.stdout_ = names[1];
	request.stderr_ = names[2];
	request.options = &any;
	stage_packed(p, "a request", any.value.len);
	r = rpc_call(p->container->sandbox->guest, &p->request, RPC_SERVICE_TASK_V3, "Create",
		     &request.base, 0, answered);
	rpc_any_done(&any);
	return r;
}

static int send_exec(struct process *p, char *const names[3],
		     void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer),
		     struct err *err _unused_)
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	int r = rpc_any_pack(&p->exec_spec->base, &any);

	if (r < 0)
		return r;
	request.id = p->container->spec->id;
	request.exec_id = p->exec_id;
	request.terminal = p->terminal;
	request.stdin_ = names[0];
	request.stdout_ = names[1];
	request.stderr_ = names[2];
	request.spec = &any;
	r = rpc_call(p->container->sandbox->guest, &p->request, RPC_SERVICE_TASK_V3, "Exec",
		     &request.base, 0, answered);
	rpc_any_done(&any);
	return r;
}

static int send_bundle(struct process *p, char *const names[3] _unused_,
		       void (*answered)(struct ttrpc_request *req,
					const struct ttrpc_answer *answer),
		       struct err *err)
{
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;

	fill_from_spec(p->container->spec, &process);
	process.terminal |= p->terminal;
	return process_oci_create(p, &process, answered, err);
}

/* By executor, and for a container's first process or another one. */
static int (*const senders[2][2])(struct process *p, char *const names[3],
				  void (*answered)(struct ttrpc_request *req,
						   const struct ttrpc_answer *answer),
				  struct err *err) = {
	{send_create, send_exec},
	{send_bundle, process_oci_exec},
};

int process_ask(struct process *p, char *const names[3],
		void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer),
		struct err *err)
{
	bool bundle = sandbox_spec_has_bundle(p->container->spec), exec = *p->exec_id != '\0';

	return senders[bundle][exec](p, names, answered, err);
}
