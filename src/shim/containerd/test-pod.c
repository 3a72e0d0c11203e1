/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox that is no container, with a guest that is the test's: what its service answers, and when. */
#include "shim/containerd/pod.h"

#include <string.h>

#include "metrics_v2.pb-c.h"
#include "shim/containerd/containerd.h"
#include "shim/test-shim.h"

#define KEEPER	      4711
#define RUNTIME(name) Containerd__Runtime__Sandbox__V1__##name
#define UNPACK(a, name) \
	((void *)expect_ok(a, &containerd__runtime__sandbox__v1__##name##__descriptor))

static struct containerd containerd;
static struct pod pod;
static struct asked start, waiting, stopping, unheard, task, asked;

static void begin(void)
{
	test_shim_begin(false);
	containerd_init(&containerd, &t.shim, "ns", "/nowhere", -EBADF);
	pod_init(&pod, &t.shim, &t.spec);
	containerd.pod = &pod;
	t.shim.containerd = &containerd;
	t.shim.keeper = KEEPER;
	t.spec.hypervisor = strdup("qemu");
}

static void end(void)
{
	containerd_done(&containerd);
	test_shim_end();
	pod_done(&pod);
}

/* What follows CreateSandbox, but that there is no VM. */
static void begin_created(void)
{
	static const struct process_stdio none = {.in = "", .out = "", .err = ""};

	begin();
	pod.described = true;
	t.shim.first.init = process_new(&t.shim.first, "", &none, NULL);
}

/* Any of its requests has the id first. */
static void ask_of(struct asked *a, const char *method, const char *id)
{
	RUNTIME(PingRequest) request = CONTAINERD__RUNTIME__SANDBOX__V1__PING_REQUEST__INIT;

	request.sandbox_id = (char *)id;
	ask_over(t.client, a, RPC_SERVICE_SANDBOX, method, &request.base);
}

static void ask_it(struct asked *a, const char *method)
{
	ask_of(a, method, "c1");
}

static void ask_to_stop(uint32_t seconds)
{
	RUNTIME(StopSandboxRequest)
	request = CONTAINERD__RUNTIME__SANDBOX__V1__STOP_SANDBOX_REQUEST__INIT;

	request.sandbox_id = (char *)"c1";
	request.timeout_secs = seconds;
	ask_over(t.client, &stopping, RPC_SERVICE_SANDBOX, "StopSandbox", &request.base);
}

static void expect_pod_state(const char *state)
{
	RUNTIME(SandboxStatusResponse) * response;

	ask_it(&asked, "SandboxStatus");
	response = UNPACK(&asked, sandbox_status_response);
	test_str(response->state, state);
	test_int(response->pid, KEEPER);
	rpc_free(&response->base);
}

static void expect_ended(uint32_t status)
{
	RUNTIME(WaitSandboxResponse) *response = UNPACK(&waiting, wait_sandbox_response);

	test_int(response->exit_status, status);
	test_true(response->exited_at && response->exited_at->seconds > 0);
	rpc_free(&response->base);
}

static void begin_ready(void)
{
	RUNTIME(StartSandboxResponse) * response;

	begin_created();
	ask_it(&start, "StartSandbox");
	expect_pod_state("SANDBOX_NOTREADY");
	test_shim_boot();
	guest_creates();
	expect_pod_state("SANDBOX_NOTREADY");
	test_true(!start.done);
	guest_starts();
	response = UNPACK(&start, start_sandbox_response);
	test_int(response->pid, KEEPER);
	rpc_free(&response->base);
	ask_it(&waiting, "WaitSandbox");
	expect_pod_state("SANDBOX_READY");
}

static void it_starts_and_stops(void)
{
	begin_ready();
	ask_it(&asked, "PingSandbox");
	expect(&asked, TTRPC_OK, "");
	/* It was started. */
	ask_it(&asked, "StartSandbox");
	expect(&asked, TTRPC_OK, "");
	test_true(!waiting.done);
	ask_to_stop(0);
	expect(&stopping, TTRPC_OK, "");
	expect_ended(0);
	expect_pod_state("SANDBOX_NOTREADY");
	ask_it(&asked, "PingSandbox");
	expect(&asked, TTRPC_UNAVAILABLE, "sandbox c1");
	ask_it(&asked, "StartSandbox");
	expect(&asked, TTRPC_UNAVAILABLE, "has ended");
	/* Who asks again is answered the same. */
	ask_it(&waiting, "WaitSandbox");
	expect_ended(0);
	ask_to_stop(0);
	expect(&stopping, TTRPC_OK, "");
	test_true(!containerd_is_over(&t.shim));
	ask_it(&asked, "ShutdownSandbox");
	expect(&asked, TTRPC_OK, "");
	test_true(containerd.shut && containerd_is_over(&t.shim));
	end();
}

static void its_vm_is_lost(void)
{
	begin_ready();
	(void)err_set(&t.shim.sandbox.failure, -EIO, "QEMU was killed by signal 9");
	sandbox_stop(&t.shim.sandbox, false);
	expect_ended(137);
	expect_pod_state("SANDBOX_NOTREADY");
	ask_it(&asked, "PingSandbox");
	expect(&asked, TTRPC_UNAVAILABLE, "QEMU was killed by signal 9");
	end();
}

/* All that waits for it hears why. */
static void the_guest_refuses(void)
{
	begin_created();
	ask_it(&start, "StartSandbox");
	ask_it(&waiting, "WaitSandbox");
	ask_wait(&task, "");
	test_shim_boot();
	rpc_free(asked_of_guest("Create", &containerd__task__v2__create_task_request__descriptor));
	guest_fails(TTRPC_INTERNAL, "crun: no namespaces left");
	expect(&task, TTRPC_NOT_FOUND, "crun: no namespaces left");
	expect(&start, TTRPC_UNAVAILABLE, "crun: no namespaces left");
	expect_ended(137);
	end();
}

/* containerd is told nothing of a process that is not its own, and containers know nothing of sandboxes. */
static void its_process_is_no_task(void)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	begin_ready();
	test_int(containerd.publisher.n, 0);
	request.id = (char *)"c1";
	ask(&asked, "Create", &request.base);
	expect(&asked, TTRPC_FAILED_PRECONDITION, "is a sandbox");
	ask_id(&asked, "Shutdown", "");
	expect(&asked, TTRPC_OK, "");
	test_true(!containerd.shut);
	end();
}

/* `caisson wait` asks for that, and would keep the shim from its end. */
static void its_process_is_waited_for(void)
{
	begin_ready();
	ask_wait(&task, "");
	ask_to_stop(0);
	expect(&stopping, TTRPC_OK, "");
	close_outputs();
	expect_waited(&task, 137);
	ask_wait(&task, "");
	expect_waited(&task, 137);
	end();
}

static void ask_to_freeze(const char *method, const ProtobufCMessageDescriptor *type)
{
	ask_id(&asked, method, "");
	rpc_free(asked_of_guest(method, type));
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	expect_pod_state("SANDBOX_READY");
	test_true(!waiting.done);
}

/* Nor is the pod over for that, as `caisson pause` asks for it, and containerd knows nothing of it. */
static void its_process_is_paused(void)
{
	begin_ready();
	ask_to_freeze("Pause", &containerd__task__v2__pause_request__descriptor);
	ask_to_freeze("Resume", &containerd__task__v2__resume_request__descriptor);
	test_int(containerd.publisher.n, 0);
	ask_to_stop(0);
	expect(&stopping, TTRPC_OK, "");
	end();
}

/* The guest's words for a container are those for it. */
static void figures(void)
{
	Io__Containerd__Cgroups__V2__Metrics figures = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
	Containerd__Task__V2__StatsResponse stats = CONTAINERD__TASK__V2__STATS_RESPONSE__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Containerd__Task__V2__StatsRequest *request;
	RUNTIME(SandboxMetricsResponse) * response;

	begin_ready();
	ask_it(&asked, "SandboxMetrics");
	request = (void *)asked_of_guest("Stats", &containerd__task__v2__stats_request__descriptor);
	test_str(request->id, "c1");
	rpc_free(&request->base);
	test_int(rpc_any_pack(&figures.base, &any), 0);
	stats.stats = &any;
	guest_replies(&stats.base);
	rpc_any_done(&any);
	response = UNPACK(&asked, sandbox_metrics_response);
	test_str(response->metrics->id, "c1");
	test_true(strstr(response->metrics->data->type_url, "Metrics") != NULL);
	rpc_free(&response->base);
	end();
}

static void who_asks_too_early(void)
{
	static const char *const methods[] = {"StartSandbox", "PingSandbox", "SandboxStatus",
					      "WaitSandbox", "SandboxMetrics"};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		ask_it(&asked, methods[i]);
		expect(&asked, TTRPC_FAILED_PRECONDITION, "was not created yet");
	}
	ask_of(&asked, "Platform", "c2");
	expect(&asked, TTRPC_NOT_FOUND, "sandbox c2");
	ask_it(&asked, "Platform");
	expect(&asked, TTRPC_OK, "");
	end();
}

/* Nothing was started: it has ended at once. */
static void stopped_before_it_is_created(void)
{
	begin();
	t.shim.sandbox.state = SANDBOX_NEW;
	ask_to_stop(5);
	expect(&stopping, TTRPC_OK, "");
	test_int(t.shim.sandbox.state, SANDBOX_ENDED);
	end();
}

/* Its client goes while it waits. */
static void nobody_hears_of_it(void)
{
	struct ttrpc_client *other;
	RUNTIME(PingRequest) request = CONTAINERD__RUNTIME__SANDBOX__V1__PING_REQUEST__INIT;

	begin_ready();
	other = test_client();
	request.sandbox_id = (char *)"c1";
	ask_over(other, &unheard, RPC_SERVICE_SANDBOX, "WaitSandbox", &request.base);
	expect_pod_state("SANDBOX_READY");
	ttrpc_client_free(other);
	while (t.n_closed == 0)
		loop_run(&t.loop);
	ask_to_stop(0);
	expect(&stopping, TTRPC_OK, "");
	expect_ended(0);
	end();
}

static void a_container_is_none(void)
{
	static const char *const methods[] = {"CreateSandbox", "StartSandbox", "StopSandbox",
					      "ShutdownSandbox", "Platform"};

	begin();
	containerd.pod = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		ask_it(&asked, methods[i]);
		expect(&asked, TTRPC_UNIMPLEMENTED, "started for a container");
	}
	end();
}

int main(void)
{
	test_run(it_starts_and_stops);
	test_run(its_vm_is_lost);
	test_run(the_guest_refuses);
	test_run(its_process_is_no_task);
	test_run(its_process_is_waited_for);
	test_run(its_process_is_paused);
	test_run(figures);
	test_run(who_asks_too_early);
	test_run(stopped_before_it_is_created);
	test_run(nobody_hears_of_it);
	test_run(a_container_is_none);
	return 0;
}
