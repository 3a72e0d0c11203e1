/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/control.h"

#include <string.h>

#include "base/mem.h"
#include "guest.pb-c.h"
#include "oci/resources.h"
#include "rpc/task.h"
#include "sandbox/hollow.h"
#include "shim/calls.h"
#include "shim/hold.h"
#include "shim/hollow-calls.h"
#include "shim/host-cgroup.h"
#include "shim/rates.h"
#include "shim/save.h"
#include "shim/stats.h"
#include "task.pb-c.h"

static struct process *find(struct ttrpc_call *call, const char *id, enum process_op op)
{
	struct process *p = shim_find(call, id, "");

	return p && process_check(call, p->state, op) ? p : NULL;
}

void control_pause(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PauseRequest *request = (const void *)message;
	struct process *p = find(call, request->id, PROCESS_OP_PAUSE);

	if (!p)
		return;
	calls_keep(p, call);
	/* A VM with others in it goes on for them. */
	process_pause(p, shim_container_is_alone(p->container->sandbox));
}

void control_resume(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ResumeRequest *request = (const void *)message;
	struct process *p = find(call, request->id, PROCESS_OP_RESUME);
	static const char resumed[] = "the container was resumed meanwhile";
	struct ttrpc_call *pausing;

	if (!p || !save_check(call))
		return;
	hold_resumed(p->container, resumed);
	pausing = calls_kept(p);
	if (pausing)
		ttrpc_call_fail(pausing, TTRPC_ABORTED, "%s", resumed);
	calls_keep(p, call);
	process_resume(p);
}

/* The guest parses no JSON. */
static void pack_settings(const struct oci_settings *settings, Google__Protobuf__Any *ret)
{
	Caisson__Guest__V1__Resources resources = CAISSON__GUEST__V1__RESOURCES__INIT;
	Caisson__Guest__V1__Resources__Setting rows[OCI_SETTINGS_MAX], *list[OCI_SETTINGS_MAX];

	for (size_t i = 0; i < settings->n; i++) {
		caisson__guest__v1__resources__setting__init(&rows[i]);
		rows[i].file = rpc_str(settings->list[i].file);
		rows[i].value = rpc_str(settings->list[i].value);
		list[i] = &rows[i];
	}
	resources.n_settings = settings->n;
	resources.settings = list;
	(void)rpc_any_pack(&resources.base, ret);
}

static void pass_on(struct ttrpc_call *call, const char *id, const struct oci_settings *settings)
{
	Containerd__Task__V2__UpdateTaskRequest request =
		CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	uint8_t *payload;
	size_t len;

	pack_settings(settings, &any);
	request.id = rpc_str(id);
	request.resources = &any;
	/* Less memory may be the end of a paused process, too. */
	standby_forbid(&shim_of(call)->sandbox.standby);
	payload = xmalloc(protobuf_c_message_get_packed_size(&request.base));
	len = protobuf_c_message_pack(&request.base, payload);
	calls_forward_as(call, "Update", payload, len, NULL);
	free(payload);
	rpc_any_done(&any);
}

/* Neither virtio-mem nor a balloon can make a microvm larger than it was started. */
static int check_size(const struct sandbox_spec *spec, const struct oci_limits *limits,
		      struct err *err)
{
	if (limits->memory <= 0 || (uint64_t)limits->memory <= spec->memory)
		return 0;
	return err_set(err, -EINVAL,
		       "resources: a limit of %llu MiB is more than the virtual machine's memory, "
		       "%llu MiB, which cannot grow while it runs: start the container with more",
		       (unsigned long long)limits->memory >> 20,
		       (unsigned long long)spec->memory >> 20);
}

/*
 * The host's part first: what it refuses has not changed anything in the guest. @ret: for that. All of the VM is in the
 * group of its first container.
 */
static int update_host(const struct container *c, const Google__Protobuf__Any *any,
		       struct oci_settings *ret, struct err *err)
{
	const struct sandbox_spec *spec = c->sandbox->spec;
	struct oci_limits limits;
	int r = oci_limits_parse_changed((const char *)any->value.data, any->value.len,
					 c->spec->resources, &limits, err);

	if (r == 0)
		r = check_size(spec, &limits, err);
	/* Numbers of CPUs are the host's, if there it has a group. */
	if (r == 0)
		r = oci_resources_guest(&limits, spec->cgroups.n == 0, ret, err);
	return r == 0 && !shim_container_joined(c) ? host_cgroup_limit(spec, &limits, err) : r;
}

/* Annotations come along, and say nothing about limits, but for rates, which come alone. */
void control_update(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__UpdateTaskRequest *request = (const void *)message;
	const Google__Protobuf__Any *any = request->resources;
	struct oci_settings settings;
	struct err err = ERR_NULL;

	const struct process *p = find(call, request->id, PROCESS_OP_UPDATE);

	if (!p)
		return;
	if (!any && rates_in_update(request))
		rates_update(call, request);
	else if (rates_in_update(request))
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT,
				"resources: they cannot be changed together with rates");
	else if (!any || strcmp(any->type_url, RPC_TYPE_RESOURCES) != 0)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT,
				"resources: not a " RPC_TYPE_RESOURCES);
	else if (update_host(p->container, any, &settings, &err) < 0)
		ttrpc_call_fail(call, ttrpc_code_from_errno(err.code), "%s", err.text);
	else if (settings.n == 0 || hollow_is_empty(p))
		rpc_reply_empty(call);
	else
		pass_on(call, request->id, &settings);
}

/* struct form - of figures: @pack: makes them so; @reply: says them */
struct form {
	int (*pack)(const Google__Protobuf__Any *v2, Google__Protobuf__Any *ret);
	void (*reply)(struct ttrpc_call *call, Google__Protobuf__Any *stats);
};

static void reply_figures(struct ttrpc_call *call, const struct ttrpc_answer *answer,
			  const struct form *form)
{
	Google__Protobuf__Any stats = GOOGLE__PROTOBUF__ANY__INIT;
	ProtobufCMessage *m = NULL;
	int r = rpc_unpack(&containerd__task__v2__stats_response__descriptor, answer->payload,
			   answer->payload_len, &m);

	if (r == 0)
		r = form->pack(((Containerd__Task__V2__StatsResponse *)m)->stats, &stats);
	if (r < 0)
		ttrpc_call_fail(call, TTRPC_INTERNAL, "the guest's figures make no sense");
	else
		form->reply(call, &stats);
	rpc_any_done(&stats);
	rpc_free(m);
}

void control_reply_stats(struct ttrpc_call *call, const struct ttrpc_answer *answer,
			 void (*reply)(struct ttrpc_call *call, Google__Protobuf__Any *stats))
{
	reply_figures(call, answer,
		      &(struct form){stats_host_is_v1() ? stats_to_v1 : stats_to_v2, reply});
}

static void reply_task(struct ttrpc_call *call, Google__Protobuf__Any *stats)
{
	Containerd__Task__V2__StatsResponse response = CONTAINERD__TASK__V2__STATS_RESPONSE__INIT;

	response.stats = stats;
	rpc_reply(call, &response.base);
}

static void reply_for_host(struct ttrpc_call *call, const struct ttrpc_answer *answer)
{
	control_reply_stats(call, answer, reply_task);
}

static void reply_of_guest(struct ttrpc_call *call, const struct ttrpc_answer *answer)
{
	reply_figures(call, answer, &(struct form){stats_to_v2, reply_task});
}

void control_stats(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StatsRequest *request = (const void *)message;
	const struct process *p = find(call, request->id, PROCESS_OP_STATS);

	if (p && hollow_is_empty(p))
		hollow_calls_stats(call, reply_for_host);
	else if (p)
		calls_forward_briefly(call, "Stats", reply_for_host);
}

void control_stats_of_guest(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StatsRequest *request = (const void *)message;
	const struct process *p = find(call, request->id, PROCESS_OP_STATS);

	if (p && hollow_is_empty(p))
		hollow_calls_stats(call, reply_of_guest);
	else if (p)
		calls_forward_as(call, "Stats", call->payload, call->payload_len, reply_of_guest);
}

void control_checkpoint(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CheckpointTaskRequest *request = (const void *)message;

	if (shim_find(call, request->id, ""))
		ttrpc_call_fail(call, TTRPC_UNIMPLEMENTED,
				"checkpoints are made by `caisson checkpoint` only");
}
