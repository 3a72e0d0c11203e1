/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/test-shim.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "shim/containerd/containerd.h"
#include "shim/containerd/pod.h"
#include "vmmount.pb-c.h"

struct test_shim t;

static char folder[sizeof("/tmp/test-shim-XXXXXX")];
static struct ttrpc_call *current;

/* What main.c decides: the test sees that it was asked to. */
void shim_quit_when_told(struct shim *shim)
{
	t.told++;
	loop_quit(shim->loop, 0);
}

static void forget(size_t i)
{
	t.calls[i] = t.calls[--t.n_calls];
	t.payloads[i] = t.payloads[t.n_calls];
}

static void guest_call_cancelled(struct ttrpc_call *call)
{
	for (size_t i = 0; i < t.n_calls; i++)
		if (t.calls[i] == call)
			forget(i);
	loop_quit(&t.loop, 0);
}

static void guest_called(struct ttrpc_call *call)
{
	size_t i = t.n_calls++;

	test_true(i < GUEST_CALLS_MAX && call->payload_len <= sizeof(t.payloads[i].data));
	call->cancelled = guest_call_cancelled;
	t.calls[i] = call;
	if (call->payload_len > 0)
		memcpy(t.payloads[i].data, call->payload, call->payload_len);
	t.payloads[i].len = call->payload_len;
	loop_quit(&t.loop, 0);
}

static const struct ttrpc_method guest_methods[] = {
	{.name = "Create", .handler = guest_called},
	{.name = "Start", .handler = guest_called},
	{.name = "Exec", .handler = guest_called},
	{.name = "Wait", .handler = guest_called},
	{.name = "Kill", .handler = guest_called},
	{.name = "Pids", .handler = guest_called},
	{.name = "Delete", .handler = guest_called},
	{.name = "Pause", .handler = guest_called},
	{.name = "Resume", .handler = guest_called},
	{.name = "Update", .handler = guest_called},
	{.name = "Stats", .handler = guest_called},
	{.name = "ResizePty", .handler = guest_called},
	{.name = "Shutdown", .handler = guest_called},
	{.name = "Stat", .handler = guest_called},
	{.name = "SetTime", .handler = guest_called},
	{.name = "Reseed", .handler = guest_called},
	{.name = "FreezeFilesystems", .handler = guest_called},
	{.name = "ThawFilesystems", .handler = guest_called},
	{.name = "Checkpoint", .handler = guest_called},
	{.name = "Configure", .handler = guest_called},
	{.name = "MountAll", .handler = guest_called},
	{.name = "Unmount", .handler = guest_called},
	{.name = "FindDisk", .handler = guest_called},
	{.name = NULL},
};

static const struct ttrpc_method guest_events[] = {
	{.name = "Stream", .handler = guest_called, .stream = TTRPC_SERVER_STREAM},
	{.name = NULL},
};

static const struct ttrpc_service guest_services[] = {
	{.name = RPC_SERVICE_EVENTS, .methods = guest_events},
	{.name = RPC_SERVICE_TASK_V3, .methods = guest_methods},
	{.name = RPC_SERVICE_COPY, .methods = guest_methods},
	{.name = RPC_SERVICE_BUNDLE, .methods = guest_methods},
	{.name = RPC_SERVICE_SYSTEM, .methods = guest_methods},
	{.name = "caisson.guest.v1.Network", .methods = guest_methods},
	{.name = RPC_SERVICE_MOUNT, .methods = guest_methods},
	{.name = NULL},
};

static void connect_to(struct ttrpc_server *server, struct ttrpc_client **ret)
{
	int fds[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	test_int(ttrpc_server_add(server, fds[0]), 0);
	test_int(ttrpc_client_new(&t.loop, fds[1], NULL, NULL, ret), 0);
}

struct ttrpc_client *test_client(void)
{
	struct ttrpc_client *client;

	connect_to(t.shim.server, &client);
	return client;
}

static void ready(struct sandbox *sb)
{
	shim_task_ready(sb->userdata);
}

static void ended(struct sandbox *sb)
{
	shim_task_lost(sb->userdata);
	pod_ended(sb->userdata);
	loop_quit(&t.loop, 0);
}

static void conn_closed(void *userdata _unused_, uint64_t conn, size_t left _unused_)
{
	t.n_closed++;
	shim_task_conn_closed(&t.shim, conn);
	loop_quit(&t.loop, 0);
}

static void make_record(bool remove)
{
	struct err err = ERR_NULL;

	(void)snprintf(folder, sizeof(folder), "/tmp/test-shim-XXXXXX");
	test_true(mkdtemp(folder));
	t.paths.root = path_join(folder, "root");
	t.paths.run = path_join(folder, "run");
	test_int(mkdir(t.paths.root, 0700), 0);
	test_int(mkdir(t.paths.run, 0700), 0);
	t.spec.id = xstrdup("c1");
	t.spec.cwd = xstrdup("/work");
	t.spec.user = xstrdup("1000");
	t.spec.remove = remove;
	t.spec.memory = SANDBOX_MEMORY_DEFAULT;
	strv_add(&t.spec.args, "sleep");
	strv_add(&t.spec.args, "1000");
	strv_add(&t.spec.env, "A=b");
	if (record_create(&t.paths, &t.spec, &t.record, &err) < 0)
		test_fail("%s", err.text);
}

void test_shim_begin(bool remove)
{
	t = (struct test_shim){.spec = SANDBOX_SPEC_NULL, .record = RECORD_NULL};
	test_int(loop_init(&t.loop), 0);
	make_record(remove);
	t.shim = (struct shim){
		.loop = &t.loop,
		.paths = &t.paths,
		.spec = &t.spec,
		.lifeline = LOOP_IO_NULL,
		.passed = LOOP_IO_NULL,
		.winch = {.io = LOOP_IO_NULL},
		.tty = -EBADF,
		.signals = {.io = LOOP_IO_NULL},
	};
	list_init(&t.shim.waiters);
	list_init(&t.shim.forwards);
	list_init(&t.shim.awake);
	sandbox_init(&t.shim.sandbox, &t.loop, &t.paths, &t.record, &t.spec);
	container_init(&t.shim.first, &t.shim.sandbox, &t.record, &t.spec);
	shim_container_init(&t.shim.own, &t.shim.first);
	test_int(iolog_open(&t.shim.first.log, t.record.dir, "log"), 0);
	t.shim.sandbox.userdata = &t.shim;
	t.shim.sandbox.ready = ready;
	t.shim.sandbox.ended = ended;
	t.shim.sandbox.state = SANDBOX_BOOTING;
	test_int(ttrpc_server_new(&t.loop, shim_services(&t.shim), 8, &t.shim.server), 0);
	ttrpc_server_on_conn_closed(t.shim.server, conn_closed, NULL);
	t.client = test_client();
}

static struct containerd containerd;

void test_shim_hollow(void)
{
	containerd_init(&containerd, &t.shim, "ns", "/nowhere", -EBADF);
	t.shim.containerd = &containerd;
	t.shim.keeper = getpid();
	t.shim.sandbox.group = true;
	t.spec.executor = xstrdup(SANDBOX_EXECUTOR_BUNDLES);
	t.spec.rootfs_mode = xstrdup(SANDBOX_ROOTFS_MODE_DEFAULT);
	t.spec.bundle = xstrdup("/");
	t.spec.pod_host = xstrdup("web");
}

void test_shim_hollow_end(void)
{
	containerd_done(&containerd);
	test_shim_end();
}

void test_shim_boot(void)
{
	struct sandbox *sb = &t.shim.sandbox;

	test_guest_start(&t.guest, &t.loop, t.record.run_path);
	sb->address = t.guest.address;
	test_int(ttrpc_server_new(&t.loop, guest_services, 1, &t.guest_server), 0);
	connect_to(t.guest_server, &sb->guest);
	sb->state = SANDBOX_READY;
	sandbox_phase(sb, SANDBOX_PHASE_READY);
	sb->ready(sb);
}

void test_shim_end(void)
{
	sandbox_deinit(&t.shim.sandbox);
	ttrpc_client_free(t.client);
	ttrpc_server_free(t.shim.server);
	shim_task_deinit(&t.shim);
	ttrpc_server_free(t.guest_server);
	if (t.guest_server)
		test_guest_stop(&t.guest);
	record_done(&t.record);
	sandbox_spec_done(&t.spec);
	paths_done(&t.paths);
	loop_deinit(&t.loop);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
}

static void answered(struct ttrpc_request *request, const struct ttrpc_answer *answer)
{
	struct asked *a = container_of(request, struct asked, request);

	a->done = true;
	a->code = answer->code;
	(void)snprintf(a->message, sizeof(a->message), "%s", answer->message);
	test_true(answer->payload_len <= sizeof(a->payload));
	if (answer->payload_len > 0)
		memcpy(a->payload, answer->payload, answer->payload_len);
	a->payload_len = answer->payload_len;
	loop_quit(&t.loop, 0);
}

void ask_over(struct ttrpc_client *client, struct asked *a, const char *service, const char *method,
	      const ProtobufCMessage *request)
{
	*a = (struct asked){.done = false};
	ttrpc_request_init(&a->request);
	test_int(rpc_call(client, &a->request, service, method, request, 0, answered), 0);
}

void ask(struct asked *a, const char *method, const ProtobufCMessage *request)
{
	ask_over(t.client, a, RPC_SERVICE_TASK_V3, method, request);
}

void ask_bytes(struct asked *a, const char *method, const void *data, size_t len)
{
	*a = (struct asked){.done = false};
	ttrpc_request_init(&a->request);
	test_int(ttrpc_client_call(t.client, &a->request, RPC_SERVICE_TASK_V3, method, data, len, 0,
				   answered),
		 0);
}

void expect(struct asked *a, enum ttrpc_code code, const char *part)
{
	run_until(&t.loop, a->done);
	if (a->code != code || !strstr(a->message, part))
		test_fail("status %d (%s), not %d (%s)", a->code, a->message, code, part);
}

ProtobufCMessage *expect_ok(struct asked *a, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *m;

	expect(a, TTRPC_OK, "");
	test_int(rpc_unpack(type, a->payload, a->payload_len, &m), 0);
	return m;
}

static bool find_call(const char *method, size_t *ret)
{
	for (*ret = 0; *ret < t.n_calls; (*ret)++)
		if (strcmp(t.calls[*ret]->method->name, method) == 0)
			return true;
	return false;
}

bool guest_was_asked(const char *method)
{
	size_t i;

	return find_call(method, &i);
}

ProtobufCMessage *asked_of_guest(const char *method, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *m;
	size_t i;

	run_until(&t.loop, find_call(method, &i));
	test_int(rpc_unpack(type, t.payloads[i].data, t.payloads[i].len, &m), 0);
	current = t.calls[i];
	forget(i);
	current->cancelled = NULL;
	return m;
}

void guest_replies(const ProtobufCMessage *response)
{
	rpc_reply(current, response);
}

void guest_sends(const void *data, size_t len)
{
	test_int(ttrpc_call_send(current, data, len), 0);
}

void guest_fails(enum ttrpc_code code, const char *message)
{
	ttrpc_call_fail(current, code, "%s", message);
}

void ask_id(struct asked *a, const char *method, const char *exec_id)
{
	ASK(a, method, KillRequest, CONTAINERD__TASK__V2__KILL_REQUEST__INIT, exec_id);
}

void ask_create(struct asked *a, const char *id)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	request.id = (char *)id;
	ask(a, "Create", &request.base);
}

void ask_exec_with(struct ttrpc_client *client, struct asked *a, const char *exec_id,
		   const char *out, const char *err)
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	char *args[] = {(char *)"id", NULL};

	process.args = args;
	process.n_args = 1;
	test_int(rpc_any_pack(&process.base, &any), 0);
	request.id = (char *)"c1";
	request.exec_id = (char *)exec_id;
	request.stdout_ = (char *)out;
	request.stderr_ = (char *)err;
	request.spec = &any;
	ask_over(client, a, RPC_SERVICE_TASK_V2, "Exec", &request.base);
	rpc_any_done(&any);
}

void ask_exec_over(struct ttrpc_client *client, struct asked *a, const char *exec_id)
{
	ask_exec_with(client, a, exec_id, "", "");
}

void guest_mounts_all(void)
{
	rpc_free(asked_of_guest("MountAll", &caisson__guest__v1__mount_all_request__descriptor));
	guest_replies(EMPTY);
}

void guest_creates(void)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;

	response.pid = 7;
	rpc_free(asked_of_guest("Create", &containerd__task__v2__create_task_request__descriptor));
	guest_replies(&response.base);
}

void guest_starts(void)
{
	Containerd__Task__V2__StartResponse response = CONTAINERD__TASK__V2__START_RESPONSE__INIT;

	response.pid = 7;
	rpc_free(asked_of_guest("Start", &containerd__task__v2__start_request__descriptor));
	guest_replies(&response.base);
}

void guest_execs(void)
{
	rpc_free(asked_of_guest("Exec", &containerd__task__v2__exec_process_request__descriptor));
	guest_replies(EMPTY);
}

void guest_ends(uint32_t status)
{
	Containerd__Task__V2__WaitResponse response = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;

	response.exit_status = status;
	rpc_free(asked_of_guest("Wait", &containerd__task__v2__wait_request__descriptor));
	guest_replies(&response.base);
}

void close_outputs(void)
{
	test_peer_close(test_guest_stream(&t.guest, "stdout"));
	test_peer_close(test_guest_stream(&t.guest, "stderr"));
}

void begin_running(bool remove)
{
	static struct asked create, start;

	test_shim_begin(remove);
	test_shim_boot();
	ask_create(&create, "c1");
	guest_creates();
	expect(&create, TTRPC_OK, "");
	ask_start(&start, "");
	guest_starts();
	expect(&start, TTRPC_OK, "");
	run_until(&t.loop, guest_was_asked("Wait"));
}

void expect_state(const char *exec_id, Containerd__V1__Types__Status status)
{
	static struct asked asked;
	Containerd__Task__V2__StateResponse *response;

	ask_state(&asked, exec_id);
	response = (Containerd__Task__V2__StateResponse *)expect_ok(
		&asked, &containerd__task__v2__state_response__descriptor);
	test_int(response->status, status);
	rpc_free(&response->base);
}

void expect_waited(struct asked *a, uint32_t status)
{
	Containerd__Task__V2__WaitResponse *response =
		(Containerd__Task__V2__WaitResponse *)expect_ok(
			a, &containerd__task__v2__wait_response__descriptor);

	test_int(response->exit_status, status);
	test_true(response->exited_at && response->exited_at->seconds > 0);
	rpc_free(&response->base);
}

/* Answers come one by one, so each is an occasion to look. */
void until_state(enum process_state state)
{
	static struct asked asked;

	do {
		ask_state(&asked, "");
		expect(&asked, TTRPC_OK, "");
	} while (t.shim.first.init->state != state);
}
