/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/sandbox-service.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/mem.h"
#include "rpc/task.h"
#include "runtimesandbox.pb-c.h"
#include "sandbox/hollow.h"
#include "shim/calls.h"
#include "shim/containerd/containerd.h"
#include "shim/containerd/pod.h"
#include "shim/control.h"
#include "shim/hollow-calls.h"

#define NAME(name) Containerd__Runtime__Sandbox__V1__##name
#define INIT(name) CONTAINERD__RUNTIME__SANDBOX__V1__##name##__INIT

/* Of one that ended without being told to. */
#define STATUS_LOST (128 + SIGKILL)
/* Facts of one that is asked about. */
#define INFO_MAX 4

/* Return: NULL: there is no such sandbox, which was answered. */
static struct shim *find(struct ttrpc_call *call, const char *id)
{
	struct shim *shim = shim_of(call);

	if (!pod_of(shim))
		ttrpc_call_fail(call, TTRPC_UNIMPLEMENTED,
				"sandbox %s: this shim was started for a container, by a bundle "
				"with a config.json",
				id);
	else if (strcmp(id, shim->spec->id) != 0)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "sandbox %s does not exist", id);
	else
		return shim;
	return NULL;
}

/* One that is there. Return: NULL: it is not, which was answered. */
static struct shim *find_created(struct ttrpc_call *call, const char *id)
{
	struct shim *shim = find(call, id);

	if (!shim || pod_of(shim)->described)
		return shim;
	ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "sandbox %s was not created yet", id);
	return NULL;
}

static bool check_create(struct ttrpc_call *call, const struct shim *shim,
			 const NAME(CreateSandboxRequest) * request)
{
	struct err err = ERR_NULL;

	if (pod_of(shim)->described || shim->sandbox.state != SANDBOX_NEW)
		ttrpc_call_fail(call, TTRPC_ALREADY_EXISTS, "sandbox %s already exists",
				shim->spec->id);
	else if (pod_of(shim)->entered)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION,
				"sandbox %s cannot be created any more: that has failed halfway, "
				"and needs another shim now",
				shim->spec->id);
	else if (request->n_rootfs > 0)
		ttrpc_call_fail(
			call, TTRPC_UNIMPLEMENTED,
			"rootfs: a sandbox of caisson's has no root file system of its own");
	else if (containerd_check_bundle(shim->spec, request->bundle_path, &err) < 0)
		ttrpc_call_fail(call, ttrpc_code_from_errno(err.code), "%s", err.text);
	else
		return true;
	return false;
}

static void create(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const NAME(CreateSandboxRequest) *request = (const void *)message;
	struct shim *shim = find(call, request->sandbox_id);
	struct err err = ERR_NULL;

	if (!shim || !check_create(call, shim, request))
		return;
	if (pod_describe(shim, request, &err) < 0) {
		ttrpc_call_fail(call, ttrpc_code_from_errno(err.code), "%s", err.text);
		return;
	}
	pod_await(call, POD_CREATED, rpc_reply_empty);
	if (shim->ask_follow)
		shim->ask_follow(shim->keeper);
	else
		pod_followed(shim);
}

static void reply_started(struct ttrpc_call *call)
{
	NAME(StartSandboxResponse) response = INIT(START_SANDBOX_RESPONSE);
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	const struct shim *shim = shim_of(call);

	rpc_timestamp(&pod_of(shim)->created_at, &at);
	response.pid = (uint32_t)shim->keeper;
	response.created_at = &at;
	rpc_reply(call, &response.base);
}

static void start(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const NAME(StartSandboxRequest) *request = (const void *)message;

	if (find_created(call, request->sandbox_id))
		pod_await(call, POD_STARTED, reply_started);
}

/* In Go's words. */
static const char *architecture(const struct utsname *host)
{
	static const char *const words[][2] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(host->machine, words[i][0]) == 0)
			return words[i][1];
	return host->machine;
}

static void platform(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const NAME(PlatformRequest) *request = (const void *)message;
	NAME(PlatformResponse) response = INIT(PLATFORM_RESPONSE);
	NAME(Platform) platform = INIT(PLATFORM);
	struct utsname host;

	if (!find(call, request->sandbox_id))
		return;
	(void)uname(&host);
	platform.os = rpc_str("linux");
	platform.architecture = rpc_str(architecture(&host));
	response.platform = &platform;
	rpc_reply(call, &response.base);
}

static void stop(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const NAME(StopSandboxRequest) *request = (const void *)message;
	struct shim *shim = find(call, request->sandbox_id);

	if (!shim)
		return;
	pod_await(call, POD_ENDED, rpc_reply_empty);
	if (shim->sandbox.state != SANDBOX_ENDED)
		pod_stop(shim, request->timeout_secs);
}

static void reply_ended(struct ttrpc_call *call)
{
	NAME(WaitSandboxResponse) response = INIT(WAIT_SANDBOX_RESPONSE);
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	const struct pod *pod = pod_of(shim_of(call));

	rpc_timestamp(&pod->exited_at, &at);
	response.exit_status = pod->stopping ? 0 : STATUS_LOST;
	response.exited_at = &at;
	rpc_reply(call, &response.base);
}

static void wait_for_end(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const NAME(WaitSandboxRequest) *request = (const void *)message;

	if (find_created(call, request->sandbox_id))
		pod_await(call, POD_ENDED, reply_ended);
}

/* struct facts - of a sandbox, for people */
struct facts {
	NAME(SandboxStatusResponse__InfoEntry) entries[INFO_MAX], *list[INFO_MAX];
	char memory[24], cpus[12];
	size_t n;
};

static void add_fact(struct facts *facts, const char *name, const char *value)
{
	size_t i = facts->n++;

	containerd__runtime__sandbox__v1__sandbox_status_response__info_entry__init(
		&facts->entries[i]);
	facts->entries[i].key = rpc_str(name);
	facts->entries[i].value = rpc_str(value);
	facts->list[i] = &facts->entries[i];
}

static void add_facts(const struct shim *shim, struct facts *facts)
{
	(void)snprintf(facts->memory, sizeof(facts->memory), "%llu",
		       (unsigned long long)shim->spec->memory);
	(void)snprintf(facts->cpus, sizeof(facts->cpus), "%u", shim->spec->cpus);
	add_fact(facts, "hypervisor", shim->spec->hypervisor);
	add_fact(facts, "memory", facts->memory);
	add_fact(facts, "cpus", facts->cpus);
	if (shim->sandbox.state == SANDBOX_ENDED)
		add_fact(facts, "ended", shim_why_ended(shim));
}

static void status(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const NAME(SandboxStatusRequest) *request = (const void *)message;
	NAME(SandboxStatusResponse) response = INIT(SANDBOX_STATUS_RESPONSE);
	Google__Protobuf__Timestamp created = GOOGLE__PROTOBUF__TIMESTAMP__INIT, exited = created;
	const struct shim *shim = find_created(call, request->sandbox_id);
	struct facts facts = {.n = 0};

	if (!shim)
		return;
	rpc_timestamp(&pod_of(shim)->created_at, &created);
	rpc_timestamp(&pod_of(shim)->exited_at, &exited);
	response.sandbox_id = request->sandbox_id;
	response.pid = (uint32_t)shim->keeper;
	response.state = rpc_str(pod_is_ready(shim) ? "SANDBOX_READY" : "SANDBOX_NOTREADY");
	response.created_at = &created;
	if (shim->sandbox.state == SANDBOX_ENDED)
		response.exited_at = &exited;
	if (request->verbose)
		add_facts(shim, &facts);
	response.info = facts.list;
	response.n_info = facts.n;
	rpc_reply(call, &response.base);
}

static void ping(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const NAME(PingRequest) *request = (const void *)message;
	const struct shim *shim = find_created(call, request->sandbox_id);

	if (!shim)
		return;
	if (pod_is_ready(shim))
		rpc_reply_empty(call);
	else
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "sandbox %s: %s", request->sandbox_id,
				shim->sandbox.state == SANDBOX_ENDED ? shim_why_ended(shim)
								     : "it has not started yet");
}

static void shut_down(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const NAME(ShutdownSandboxRequest) *request = (const void *)message;
	struct shim *shim = find(call, request->sandbox_id);

	if (!shim)
		return;
	rpc_reply_empty(call);
	pod_of(shim)->stopping = true;
	shim->first.deleted = true;
	containerd_shutdown(shim);
}

static void reply_metric(struct ttrpc_call *call, Google__Protobuf__Any *stats)
{
	NAME(SandboxMetricsResponse) response = INIT(SANDBOX_METRICS_RESPONSE);
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	NAME(Metric) metric = INIT(METRIC);
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	rpc_timestamp(&now, &at);
	metric.timestamp = &at;
	metric.id = rpc_str(shim_of(call)->spec->id);
	metric.data = stats;
	response.metrics = &metric;
	rpc_reply(call, &response.base);
}

static void metrics_came(struct ttrpc_call *call, const struct ttrpc_answer *answer)
{
	control_reply_stats(call, answer, reply_metric);
}

/* Of the process that stands for it, as of a pause container. To the guest the same bytes are a StatsRequest. */
static void metrics(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const NAME(SandboxMetricsRequest) *request = (const void *)message;

	const struct shim *shim = find_created(call, request->sandbox_id);

	if (shim && pod_is_ready(shim) && hollow_is_empty(shim->first.init))
		hollow_calls_stats(call, metrics_came);
	else if (shim)
		calls_forward_briefly(call, "Stats", metrics_came);
}

#define METHOD(name, request, response, handler)                                \
	RPC_METHOD(name, containerd__runtime__sandbox__v1__##request##_request, \
		   containerd__runtime__sandbox__v1__##response##_response, handler)

const struct ttrpc_method sandbox_service_methods[] = {
	METHOD("CreateSandbox", create_sandbox, create_sandbox, create),
	METHOD("StartSandbox", start_sandbox, start_sandbox, start),
	METHOD("Platform", platform, platform, platform),
	METHOD("StopSandbox", stop_sandbox, stop_sandbox, stop),
	METHOD("WaitSandbox", wait_sandbox, wait_sandbox, wait_for_end),
	METHOD("SandboxStatus", sandbox_status, sandbox_status, status),
	METHOD("PingSandbox", ping, ping, ping),
	METHOD("ShutdownSandbox", shutdown_sandbox, shutdown_sandbox, shut_down),
	METHOD("SandboxMetrics", sandbox_metrics, sandbox_metrics, metrics),
	{.name = NULL},
};
