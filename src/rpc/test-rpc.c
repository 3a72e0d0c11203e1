/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/test.h"
#include "empty.pb-c.h"
#include "events.pb-c.h"
#include "forward.pb-c.h"
#include "guest.pb-c.h"
#include "rpc/task.h"
#include "task.pb-c.h"
#include "ttrpc/frame.h"
#include "ttrpc/wire.h"

static struct loop loop;
static struct ttrpc_server *server;
static struct ttrpc_client *client;
static struct ttrpc_request req = TTRPC_REQUEST_NULL(req);
static enum ttrpc_code code;
static uint32_t pid;
static size_t n_done, n_received;

static void create(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CreateTaskRequest *request =
		(const Containerd__Task__V2__CreateTaskRequest *)message;
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;

	test_str(request->id, "c1");
	test_str(request->stdin_, "/in");
	test_str(request->stdout_, "");
	test_int(request->n_rootfs, 1);
	test_str(request->rootfs[0]->type, "overlay");
	response.pid = 4711;
	rpc_reply(call, &response.base);
}

/* An answer that does not fit the stack, or not even a frame. */
static void state(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StateRequest *request =
		(const Containerd__Task__V2__StateRequest *)message;
	Containerd__Task__V2__StateResponse response = CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;
	size_t len = (size_t)atol(request->id);
	char *bundle = malloc(len + 1);

	test_true(bundle);
	memset(bundle, 'b', len);
	bundle[len] = '\0';
	response.bundle = bundle;
	rpc_reply(call, &response.base);
	free(bundle);
}

static void pause_task(struct ttrpc_call *call, const ProtobufCMessage *message _unused_)
{
	rpc_reply_empty(call);
}

static void watch(struct ttrpc_call *call, const ProtobufCMessage *message _unused_)
{
	Containerd__Events__TaskOOM oom = CONTAINERD__EVENTS__TASK_OOM__INIT;

	oom.container_id = rpc_str("c1");
	test_int(rpc_send(call, &oom.base), 0);
	test_int(rpc_send(call, &oom.base), 0);
	ttrpc_call_end(call);
}

static const struct rpc_types watch_types = {
	.request = &google__protobuf__empty__descriptor,
	.response = &containerd__events__task_oom__descriptor,
	.handler = watch,
};

static const struct ttrpc_method methods[] = {
	RPC_TASK("Create", create_task, create),
	RPC_TASK("State", state, state),
	RPC_TASK_EMPTY("Pause", pause, pause_task),
	{.name = "Watch",
	 .handler = rpc_dispatch,
	 .stream = TTRPC_SERVER_STREAM,
	 .data = &watch_types},
	{.name = NULL},
};

static const struct ttrpc_service services[] = {
	{.name = RPC_SERVICE_TASK_V2, .methods = methods},
	{.name = RPC_SERVICE_TASK_V3, .methods = methods},
	{.name = NULL},
};

static void begin(void)
{
	int fds[2];

	n_done = n_received = 0;
	test_int(loop_init(&loop), 0);
	test_int(ttrpc_server_new(&loop, services, 1, &server), 0);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	test_int(ttrpc_server_add(server, fds[0]), 0);
	test_int(ttrpc_client_new(&loop, fds[1], NULL, NULL, &client), 0);
}

static void end(void)
{
	ttrpc_client_free(client);
	ttrpc_server_free(server);
	loop_deinit(&loop);
}

static void done(struct ttrpc_request *r, const struct ttrpc_answer *answer)
{
	ProtobufCMessage *message = NULL;

	test_true(r == &req);
	n_done++;
	code = answer->code;
	test_int(rpc_unpack(&containerd__task__v2__create_task_response__descriptor,
			    answer->payload, answer->payload_len, &message),
		 0);
	pid = ((Containerd__Task__V2__CreateTaskResponse *)message)->pid;
	rpc_free(message);
	loop_quit(&loop, 0);
}

static void run(int r)
{
	test_int(r, 0);
	n_done = 0;
	test_int(loop_run(&loop), 0);
	test_int(n_done, 1);
}

static int create_task(const char *service)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Containerd__Types__Mount mount = CONTAINERD__TYPES__MOUNT__INIT, *mounts[] = {&mount};

	request.id = rpc_str("c1");
	request.stdin_ = rpc_str("/in");
	mount.type = rpc_str("overlay");
	request.rootfs = mounts;
	request.n_rootfs = 1;
	return rpc_call(client, &req, service, "Create", &request.base, 0, done);
}

static void typed_call_is_answered(void)
{
	begin();
	run(create_task(RPC_SERVICE_TASK_V2));
	test_int(code, TTRPC_OK);
	test_int(pid, 4711);
	pid = 0;
	run(create_task(RPC_SERVICE_TASK_V3));
	test_int(pid, 4711);
	end();
}

static void empty_answer(void)
{
	Containerd__Task__V2__PauseRequest request = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;

	begin();
	run(rpc_call(client, &req, RPC_SERVICE_TASK_V2, "Pause", &request.base, 0, done));
	test_int(code, TTRPC_OK);
	end();
}

static void garbage_is_internal(void)
{
	begin();
	run(ttrpc_client_call(client, &req, RPC_SERVICE_TASK_V2, "Create", "\x0a\xff", 2, 0, done));
	test_int(code, TTRPC_INTERNAL);
	end();
}

static char refusal[128];

static void refused(struct ttrpc_request *r, const struct ttrpc_answer *answer)
{
	test_true(r == &req);
	n_done++;
	code = answer->code;
	(void)snprintf(refusal, sizeof(refusal), "%s", answer->message);
	loop_quit(&loop, 0);
}

/* Also where a later one takes its place, or it is in a message within. */
static void strings_are_text(void)
{
	static const struct {
		struct ttrpc_bytes payload;
		const char *field;
	} bad[] = {
#define BAD(bytes, field) {{(const uint8_t *)(bytes), sizeof(bytes) - 1}, field}
		BAD("\x0a\x01\xff", "id"),
		BAD("\x0a\x03"
		    "a\0b",
		    "id"),
		BAD("\x0a\x01\xff\x0a\x02"
		    "c1",
		    "id"),
		BAD("\x2a\x02\xc3(", "stdin"),
		BAD("\x1a\x03\x0a\x01\x80", "type"),
		BAD("\x1a\x05\x22\x01"
		    "a\x22\x00\x1a\x03\x22\x01\xfe",
		    "options"),
		BAD("\x52\x03\x0a\x01\xff", "type_url"),
#undef BAD
	};
	char want[128];

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		run(ttrpc_client_call(client, &req, RPC_SERVICE_TASK_V2, "Create",
				      bad[i].payload.data, bad[i].payload.len, 0, refused));
		test_int(code, TTRPC_INVALID_ARGUMENT);
		(void)snprintf(want, sizeof(want), "%s: a string must be UTF-8, without NUL",
			       bad[i].field);
		test_str(refusal, want);
	}
	end();
}

/* What are no strings may have any bytes; and so may those that are a process' arguments. */
static void bytes_are_bytes(void)
{
	const ProtobufCMessageDescriptor *any = &google__protobuf__any__descriptor;
	const ProtobufCMessageDescriptor *process = &caisson__guest__v1__process__descriptor;
	ProtobufCMessage *message = NULL;

	test_int(rpc_unpack(any, "\x12\x02\xff\0", 4, &message), 0);
	test_int(((Google__Protobuf__Any *)message)->value.len, 2);
	rpc_free(message);
	test_int(rpc_unpack(process, "\x0a\x02\xff\xfe", 4, &message), 0);
	test_str(((Caisson__Guest__V1__Process *)message)->args[0], "\xff\xfe");
	rpc_free(message);
	test_int(rpc_unpack(process, "\x0a\x02\xff\0", 4, &message), -EILSEQ);
	test_int(rpc_unpack(process, "\x0a\x02\xff", 3, &message), -EBADMSG);
}

/* Each two bytes become a Mount: 2 MiB on the wire would take 100 MiB unpacked. */
static void memory_of_a_message_is_bounded(void)
{
	size_t len = 2 << 20;
	char *payload = malloc(len);

	test_true(payload);
	for (size_t i = 0; i < len; i += 2)
		memcpy(payload + i, "\x1a\x00", 2);
	begin();
	run(ttrpc_client_call(client, &req, RPC_SERVICE_TASK_V2, "Create", payload, len, 0, done));
	test_int(code, TTRPC_RESOURCE_EXHAUSTED);
	end();
	free(payload);
}

static enum ttrpc_code big_code;
static size_t big_len;

static void big_done(struct ttrpc_request *r, const struct ttrpc_answer *answer)
{
	test_true(r == &req);
	n_done++;
	big_code = answer->code;
	big_len = answer->payload_len;
	loop_quit(&loop, 0);
}

static void big_answers(void)
{
	static const struct {
		const char *len;
		enum ttrpc_code code;
		size_t packed;
	} rows[] = {
		{"10", TTRPC_OK, 12},
		{"600", TTRPC_OK, 603},
		{"1000000", TTRPC_OK, 1000004},
		{"4194300", TTRPC_RESOURCE_EXHAUSTED, 0},
		{"9000000", TTRPC_RESOURCE_EXHAUSTED, 0},
	};
	Containerd__Task__V2__StateRequest request = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		request.id = rpc_str(rows[i].len);
		run(rpc_call(client, &req, RPC_SERVICE_TASK_V2, "State", &request.base, 0,
			     big_done));
		test_int(big_code, rows[i].code);
		test_int(big_len, rows[i].packed);
	}
	end();
}

static void big_request_is_refused(void)
{
	Caisson__Guest__V1__Container request = CAISSON__GUEST__V1__CONTAINER__INIT;
	size_t len = TTRPC_FRAME_DATA_MAX + 1;

	request.hostname = malloc(len + 1);
	test_true(request.hostname);
	memset(request.hostname, 'h', len);
	request.hostname[len] = '\0';
	begin();
	test_int(rpc_call(client, &req, RPC_SERVICE_TASK_V2, "Create", &request.base, 0, done),
		 -EMSGSIZE);
	end();
	free(request.hostname);
}

static void oom_received(struct ttrpc_request *r, const uint8_t *data, size_t len)
{
	ProtobufCMessage *message;

	test_true(r == &req);
	test_int(rpc_unpack(&containerd__events__task_oom__descriptor, data, len, &message), 0);
	test_str(((Containerd__Events__TaskOOM *)message)->container_id, "c1");
	rpc_free(message);
	n_received++;
}

static void typed_stream(void)
{
	begin();
	run(ttrpc_client_stream(client, &req, RPC_SERVICE_TASK_V2, "Watch", "", 0, false,
				oom_received, big_done));
	test_int(big_code, TTRPC_OK);
	test_int(n_received, 2);
	end();
}

static void any_holds_one_type(void)
{
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	const ProtobufCMessageDescriptor *type = &caisson__guest__v1__process__descriptor;
	ProtobufCMessage *message = NULL;
	char *args[] = {rpc_str("/bin/true")};

	process.args = args;
	process.n_args = 1;
	test_int(rpc_any_unpack(NULL, type, &message), -ENODATA);
	test_int(rpc_any_pack(&process.base, &any), 0);
	test_str(any.type_url, "caisson.guest.v1.Process");
	test_int(rpc_any_unpack(&any, &caisson__guest__v1__container__descriptor, &message),
		 -EPROTOTYPE);
	any.type_url = rpc_str("type.googleapis.com/caisson.guest.v1.Process");
	test_int(rpc_any_unpack(&any, type, &message), 0);
	test_str(((Caisson__Guest__V1__Process *)message)->args[0], "/bin/true");
	rpc_free(message);
	rpc_free(NULL);
	any.value.data[0] = 0x0f;
	test_int(rpc_any_unpack(&any, type, &message), -EBADMSG);
	rpc_any_done(&any);
	rpc_any_done(&any);
}

static void timestamps(void)
{
	Google__Protobuf__Timestamp stamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	const struct timespec time = {.tv_sec = 5, .tv_nsec = 999999999};

	rpc_timestamp(&time, &stamp);
	test_int(stamp.seconds, 5);
	test_int(stamp.nanos, 999999999);
}

int main(void)
{
	test_run(typed_call_is_answered);
	test_run(empty_answer);
	test_run(garbage_is_internal);
	test_run(strings_are_text);
	test_run(bytes_are_bytes);
	test_run(memory_of_a_message_is_bounded);
	test_run(big_answers);
	test_run(big_request_is_refused);
	test_run(typed_stream);
	test_run(any_holds_one_type);
	test_run(timestamps);
	return 0;
}
