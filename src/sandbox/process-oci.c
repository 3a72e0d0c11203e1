/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/process-oci.h"

#include <fcntl.h>
#include <string.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "bundle.pb-c.h"
#include "rpc/task.h"
#include "sandbox/oci-adapt.h"
#include "sandbox/oci-bpf.h"
#include "sandbox/oci-config.h"
#include "sandbox/oci-disks.h"
#include "sandbox/oci-pause.h"
#include "sandbox/oci-personality.h"
#include "sandbox/process-mounts.h"
#include "sandbox/process-root.h"
#include "sandbox/share.h"
#include "sandbox/stages.h"

/*
 * By the live root file system: names are those that the container has now. Where that is on disks,
 * which only the guest reads, they are those that its image had.
 */
static int find_user(const struct process *p, const Caisson__Guest__V1__Process *process,
		     struct user *ret, struct err *err)
{
	const struct container *c = p->container;
	_cleanup_close_ int root =
		sandbox_spec_has_disks(c->spec)
			? path_open_strict(c->record->dir, RECORD_NAMES, O_PATH | O_DIRECTORY, 0)
			: share_open_rootfs(c->sandbox->record, c->spec);

	if (root < 0)
		return err_errno(err, root, "cannot open the container's root file system");
	return oci_find_user(root, process->user ? process->user : "", ret, err);
}

static int read_config(const struct container *c, char **ret, struct err *err)
{
	int r = file_slurp_at(c->record->dir, OCI_CONFIG_FILE, OCI_CONFIG_MAX, ret, NULL);

	return r < 0 ? err_errno(err, r, "cannot read the bundle's " OCI_CONFIG_FILE) : 0;
}

static bool has_own_config(const struct container *c)
{
	const char *bundle = c->spec->bundle;

	return bundle && *bundle;
}

/* What any config.json gets last. */
static void complete(const struct container *c, char **json)
{
	if (c->sandbox->trial.accel == VMM_ACCEL_TCG)
		oci_personality_add(json);
	oci_bpf_compile(json);
}

static int own_config(const struct container *c, char **ret, struct err *err)
{
	int r = read_config(c, ret, err);

	if (r < 0)
		return r;
	oci_disks_add(c->spec, ret);
	if (sandbox_spec_is_hollow(c->spec))
		oci_pause_enter(ret);
	complete(c, ret);
	return 0;
}

/* Before its VM is started there is no root file system to look up users in. Most hollow ones are never filled. */
void process_oci_prepare(struct container *c)
{
	bool begun = c->sandbox->vmm || sandbox_spec_shares_vm(c->spec);

	if (begun && has_own_config(c) && !sandbox_spec_is_hollow(c->spec))
		(void)own_config(c, &c->config, NULL);
}

static int send_create(struct process *p, const char *bundle)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	struct process_root root;
	char in[PROCESS_URI_MAX], out[PROCESS_URI_MAX], err[PROCESS_URI_MAX];

	stream_uri(&p->in, in, sizeof(in));
	stream_uri(&p->out, out, sizeof(out));
	stream_uri(&p->err, err, sizeof(err));
	process_root(p->container, &root);
	request.id = p->container->spec->id;
	request.bundle = rpc_str(bundle);
	request.rootfs = root.mounts;
	request.n_rootfs = root.n;
	request.terminal = p->terminal;
	request.stdin_ = in;
	request.stdout_ = out;
	request.stderr_ = err;
	return rpc_call(p->container->sandbox->guest, &p->request, RPC_SERVICE_TASK_V3, "Create",
			&request.base, 0, p->answered);
}

static void bundle_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	static const struct ttrpc_answer broken = {.code = TTRPC_INTERNAL,
						   .message = "cannot ask the guest"};
	struct process *p = container_of(req, struct process, request);
	ProtobufCMessage *m = NULL;

	if (answer->code != TTRPC_OK) {
		p->answered(req, answer);
		return;
	}
	if (rpc_unpack(&caisson__guest__v1__create_bundle_response__descriptor, answer->payload,
		       answer->payload_len, &m) < 0 ||
	    !p->container->sandbox->guest ||
	    send_create(p, ((Caisson__Guest__V1__CreateBundleResponse *)m)->bundle) < 0)
		p->answered(req, &broken);
	rpc_free(m);
}

static int send_bundle(struct process *p, const char *json)
{
	Caisson__Guest__V1__CreateBundleRequest request =
		CAISSON__GUEST__V1__CREATE_BUNDLE_REQUEST__INIT;
	Caisson__Guest__V1__CreateBundleRequest__FilesEntry file =
		CAISSON__GUEST__V1__CREATE_BUNDLE_REQUEST__FILES_ENTRY__INIT;
	Caisson__Guest__V1__CreateBundleRequest__FilesEntry *files[] = {&file};

	file.key = rpc_str("config.json");
	file.value.data = (uint8_t *)json;
	file.value.len = strlen(json);
	request.id = p->container->spec->id;
	request.files = files;
	request.n_files = 1;
	stage_packed(p, "a bundle's config.json", file.value.len);
	return rpc_call(p->container->sandbox->guest, &p->request, RPC_SERVICE_BUNDLE, "Create",
			&request.base, 0, bundle_answered);
}

static int make_config(const struct process *p, Caisson__Guest__V1__Process *process, char **ret,
		       struct err *err)
{
	Caisson__Guest__V1__Container container = CAISSON__GUEST__V1__CONTAINER__INIT;
	struct process_mounts mounts;
	static struct user user;
	int r = find_user(p, process, &user, err);

	if (r < 0)
		return r;
	container.process = process;
	container.hostname = p->container->spec->id;
	process_mounts(p->container->spec, &mounts, &container);
	r = oci_config(&container, &user, ret, err);
	process_mounts_done(&mounts);
	if (r == 0)
		complete(p->container, ret);
	return r;
}

int process_oci_create(struct process *p, Caisson__Guest__V1__Process *process,
		       void (*answered)(struct ttrpc_request *req,
					const struct ttrpc_answer *answer),
		       struct err *err)
{
	_cleanup_free_ char *json = take_ptr(p->container->config);
	int r = 0;

	if (!json && has_own_config(p->container))
		r = own_config(p->container, &json, err);
	else if (!json)
		r = make_config(p, process, &json, err);
	p->answered = answered;
	return r < 0 ? r : send_bundle(p, json);
}

char *process_oci_name(const struct process *p, const char *message)
{
	const struct sandbox_spec *spec = p->container->spec;
	const char *why = str_starts(message, ABI_COMMAND_MARK), *command = p->command;

	if (!*p->exec_id && spec->args.n > 0)
		command = spec->args.v[0];
	if (!why || *why == '"' || !command || !sandbox_spec_has_bundle(spec))
		return NULL;
	return xasprintf(ABI_COMMAND_MARK "\"%s\": %s", command, why);
}

static int send_exec(struct process *p, char *const names[3], const char *json,
		     void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	any.type_url = rpc_str(ABI_TYPE_OCI_PROCESS);
	any.value.data = (uint8_t *)json;
	any.value.len = strlen(json);
	request.id = p->container->spec->id;
	request.exec_id = p->exec_id;
	request.terminal = p->terminal;
	request.stdin_ = names[0];
	request.stdout_ = names[1];
	request.stderr_ = names[2];
	request.spec = &any;
	return rpc_call(p->container->sandbox->guest, &p->request, RPC_SERVICE_TASK_V3, "Exec",
			&request.base, 0, answered);
}

static int inherit(const struct process *p, char **json, struct err *err)
{
	const char *user = p->exec_spec->user;
	_cleanup_free_ char *config = NULL;
	int r;

	if (!has_own_config(p->container))
		return 0;
	r = read_config(p->container, &config, err);
	if (r == 0)
		oci_process_inherit(config, user && strcmp(user, p->container->spec->user) == 0,
				    json);
	return r;
}

int process_oci_exec(struct process *p, char *const names[3],
		     void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer),
		     struct err *err)
{
	Caisson__Guest__V1__Process *process = p->exec_spec;
	_cleanup_free_ char *json = NULL;
	static struct user user;
	int r;

	if (p->exec_json)
		return send_exec(p, names, p->exec_json, answered);
	r = find_user(p, process, &user, err);
	process->terminal = p->terminal;
	if (r == 0)
		r = oci_process(process, &user, &json, err);
	if (r == 0)
		r = inherit(p, &json, err);
	return r < 0 ? r : send_exec(p, names, json, answered);
}
