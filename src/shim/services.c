/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc.h"
#include "sandbox.pb-c.h"
#include "shim/awake.h"
#include "shim/calls.h"
#include "shim/containerd/sandbox-service.h"
#include "shim/control.h"
#include "shim/disks.h"
#include "shim/hold.h"
#include "shim/lifeline.h"
#include "shim/save.h"
#include "shim/shim.h"
#include "task.pb-c.h"

/* What a shim serves: task.c, a little of its own, and what it passes on to the guest. */

static size_t put_phases(const struct sandbox *sb, Caisson__Sandbox__V1__Phase *phases,
			 Caisson__Sandbox__V1__Phase **rows)
{
	size_t n = 0;

	for (int i = 0; i < SANDBOX_PHASE_MAX; i++) {
		if (sb->phases[i] == 0)
			continue;
		caisson__sandbox__v1__phase__init(&phases[i]);
		phases[i].name = rpc_str(sandbox_phase_name(i));
		phases[i].step = rpc_str(sandbox_phase_step(i));
		phases[i].at_ns = sb->phases[i];
		rows[n++] = &phases[i];
	}
	return n;
}

static void put_buckets(const struct latency *latency,
			Caisson__Sandbox__V1__Histogram__Bucket *buckets,
			Caisson__Sandbox__V1__Histogram__Bucket **rows)
{
	for (int i = 0; i <= LATENCY_BUCKETS; i++) {
		caisson__sandbox__v1__histogram__bucket__init(&buckets[i]);
		buckets[i].up_to_ns = i < LATENCY_BUCKETS ? latency_bounds[i] : 0;
		buckets[i].count = latency->counts[i];
		rows[i] = &buckets[i];
	}
}

static void put_restarts(const struct restarts *restarts, Caisson__Sandbox__V1__Restarts *messages,
			 Caisson__Sandbox__V1__Restarts **rows)
{
	for (size_t i = 0; i < restarts->n; i++) {
		caisson__sandbox__v1__restarts__init(&messages[i]);
		messages[i].name = rpc_str(restarts->rows[i].name);
		messages[i].count = restarts->rows[i].count;
		rows[i] = &messages[i];
	}
}

static void sandbox_timing(struct ttrpc_call *call, const ProtobufCMessage *message _unused_)
{
	Caisson__Sandbox__V1__TimingResponse response = CAISSON__SANDBOX__V1__TIMING_RESPONSE__INIT;
	Caisson__Sandbox__V1__Histogram histogram = CAISSON__SANDBOX__V1__HISTOGRAM__INIT;
	Caisson__Sandbox__V1__Phase phases[SANDBOX_PHASE_MAX], *phase_rows[SANDBOX_PHASE_MAX];
	Caisson__Sandbox__V1__Histogram__Bucket buckets[LATENCY_BUCKETS + 1],
		*bucket_rows[LATENCY_BUCKETS + 1];
	Caisson__Sandbox__V1__Restarts restarts[RESTARTS_MAX], *restart_rows[RESTARTS_MAX];
	const struct shim *shim = shim_of(call);

	response.n_phases = put_phases(&shim->sandbox, phases, phase_rows);
	response.phases = phase_rows;
	put_buckets(&shim->exec_starts, buckets, bucket_rows);
	histogram.n_buckets = LATENCY_BUCKETS + 1;
	histogram.buckets = bucket_rows;
	histogram.sum_ns = shim->exec_starts.sum_ns;
	response.exec_starts = &histogram;
	put_restarts(&shim->restarts, restarts, restart_rows);
	response.n_restarts = shim->restarts.n;
	response.restarts = restart_rows;
	rpc_reply(call, &response.base);
}

static void sandbox_guest_address(struct ttrpc_call *call, const ProtobufCMessage *message _unused_)
{
	Caisson__Sandbox__V1__GuestAddressResponse response =
		CAISSON__SANDBOX__V1__GUEST_ADDRESS_RESPONSE__INIT;
	const struct sandbox *sb = &shim_of(call)->sandbox;

	if (!save_check(call))
		return;
	if (sb->state != SANDBOX_READY) {
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "the virtual machine is not up");
		return;
	}
	if (sb->address.hybrid_path)
		response.hybrid_path = rpc_str(sb->address.hybrid_path);
	response.cid = sb->address.cid;
	awake_until_closed(call);
	rpc_reply(call, &response.base);
}

static void flush_cancelled(struct ttrpc_call *call)
{
	((struct shim *)call->userdata)->flushing = NULL;
}

static void flushed(void *userdata, int r, const char *message)
{
	struct shim *shim = userdata;
	struct ttrpc_call *call = shim->flushing;

	shim->flushing = NULL;
	if (call && r == 0)
		rpc_reply_empty(call);
	else if (call)
		ttrpc_call_fail(call, ttrpc_code_from_errno(r), "%s",
				*message ? message : "there are no figures");
}

static void sandbox_flush_metrics(struct ttrpc_call *call, const ProtobufCMessage *message _unused_)
{
	struct shim *shim = shim_of(call);

	if (!save_check(call) || !disks_check_call(call))
		return;
	if (shim->sandbox.standby.orders[STANDBY_FLUSH_METRICS].done) {
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "figures are on their way already");
		return;
	}
	call->userdata = shim;
	call->cancelled = flush_cancelled;
	shim->flushing = call;
	(void)standby_order(&shim->sandbox.standby, STANDBY_FLUSH_METRICS, NULL, flushed, shim);
}

static const struct ttrpc_method sandbox_methods[] = {
	RPC_METHOD("Wait", containerd__task__v2__wait_request, caisson__sandbox__v1__wait_response,
		   shim_wait),
	RPC_METHOD("AttachDisk", caisson__sandbox__v1__attach_disk_request, google__protobuf__empty,
		   disks_attach),
	RPC_METHOD("DetachDisk", caisson__sandbox__v1__detach_disk_request, google__protobuf__empty,
		   disks_detach),
	RPC_METHOD("Hold", containerd__task__v2__pause_request, google__protobuf__empty,
		   hold_handle),
	RPC_METHOD("Release", containerd__task__v2__pause_request, google__protobuf__empty,
		   hold_release),
	RPC_METHOD("Save", containerd__task__v2__pause_request, google__protobuf__empty,
		   save_handle),
	RPC_METHOD("GuestAddress", google__protobuf__empty,
		   caisson__sandbox__v1__guest_address_response, sandbox_guest_address),
	RPC_METHOD("Stats", containerd__task__v2__stats_request,
		   containerd__task__v2__stats_response, control_stats_of_guest),
	RPC_METHOD("Timing", google__protobuf__empty, caisson__sandbox__v1__timing_response,
		   sandbox_timing),
	RPC_METHOD("FlushMetrics", google__protobuf__empty, google__protobuf__empty,
		   sandbox_flush_metrics),
	{.name = NULL},
};

/* What is about the guest alone the guest answers. */
static const struct ttrpc_method system_methods[] = {
	{.name = "Info", .handler = calls_forward},
	{.name = "Processes", .handler = calls_forward_patiently},
	{.name = NULL},
};

static const struct ttrpc_method layer_methods[] = {
	{.name = "Changes", .handler = calls_forward_patiently},
	{.name = "Pack", .handler = calls_forward_patiently},
	{.name = "Export", .handler = calls_forward_patiently},
	{.name = NULL},
};

static const struct ttrpc_method copy_methods[] = {
	{.name = "Stat", .handler = calls_forward_patiently},
	{.name = "Pack", .handler = calls_forward_patiently},
	{.name = "Unpack", .handler = calls_forward_patiently},
	{.name = NULL},
};

const struct ttrpc_service *shim_services(struct shim *shim)
{
	static struct ttrpc_service services[] = {
		{.name = RPC_SERVICE_TASK_V2, .methods = shim_task_methods},
		{.name = RPC_SERVICE_TASK_V3, .methods = shim_task_methods},
		{.name = RPC_SERVICE_SANDBOX, .methods = sandbox_service_methods},
		{.name = SHIM_SERVICE, .methods = sandbox_methods},
		{.name = RPC_SERVICE_SYSTEM, .methods = system_methods},
		{.name = RPC_SERVICE_LAYER, .methods = layer_methods},
		{.name = RPC_SERVICE_COPY, .methods = copy_methods},
		{.name = NULL},
	};

	for (size_t i = 0; services[i].name; i++)
		services[i].userdata = shim;
	return services;
}
