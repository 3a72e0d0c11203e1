/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>
#include <sys/un.h>

#include "base/test.h"
#include "empty.pb-c.h"
#include "peer.h"
#include "rpc/rpc.h"
#include "task.pb-c.h"

#define LARGE	(3u << 20)
#define N_WAITS 50

struct call {
	struct ttrpc_request req;
	const ProtobufCMessageDescriptor *type;
	enum ttrpc_code code;
	char message[128];
	ProtobufCMessage *response;
};

static struct loop loop;
static struct ttrpc_client *client;
static size_t n_pending;

static void done(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct call *call = container_of(req, struct call, req);

	call->code = answer->code;
	(void)snprintf(call->message, sizeof(call->message), "%s", answer->message);
	if (answer->code == TTRPC_OK)
		test_int(rpc_unpack(call->type, answer->payload, answer->payload_len,
				    &call->response),
			 0);
	if (--n_pending == 0)
		loop_quit(&loop, 0);
}

static void start(struct call *call, const char *method, const ProtobufCMessage *request,
		  const ProtobufCMessageDescriptor *type, int64_t timeout_nano)
{
	ttrpc_request_init(&call->req);
	call->type = type;
	call->response = NULL;
	n_pending++;
	test_int(rpc_call(client, &call->req, RPC_SERVICE_TASK_V2, method, request, timeout_nano,
			  done),
		 0);
}

static void create(void)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Containerd__Types__Mount mount = CONTAINERD__TYPES__MOUNT__INIT, *mounts[] = {&mount};
	Google__Protobuf__Any options = GOOGLE__PROTOBUF__ANY__INIT;
	char *mount_options[] = {rpc_str("a"), rpc_str("b")};
	struct call call;

	mount.type = rpc_str("overlay");
	mount.options = mount_options;
	mount.n_options = 2;
	options.type_url = rpc_str("x");
	options.value.data = (uint8_t *)rpc_str("1234");
	options.value.len = 4;
	request.id = rpc_str("abc");
	request.stdin_ = rpc_str("/fifo");
	request.rootfs = mounts;
	request.n_rootfs = 1;
	request.options = &options;
	start(&call, "Create", &request.base,
	      &containerd__task__v2__create_task_response__descriptor, 0);
	test_int(loop_run(&loop), 0);
	test_int(call.code, TTRPC_OK);
	test_int(((Containerd__Task__V2__CreateTaskResponse *)call.response)->pid,
		 3 + 7 + 200 + 5 + 4);
	rpc_free(call.response);
}

static void state(const char *id, enum ttrpc_code code)
{
	Containerd__Task__V2__StateRequest request = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
	Containerd__Task__V2__StateResponse *response;
	struct call call;

	request.id = rpc_str(id);
	request.exec_id = rpc_str("e");
	start(&call, "State", &request.base, &containerd__task__v2__state_response__descriptor, 0);
	test_int(loop_run(&loop), 0);
	test_int(call.code, code);
	if (code != TTRPC_OK) {
		test_str(call.message, "no task none");
		return;
	}
	response = (Containerd__Task__V2__StateResponse *)call.response;
	test_str(response->id, id);
	test_str(response->stdin_, "e");
	test_int(response->exit_status, 7);
	test_int(response->exited_at->seconds, 1234567890);
	test_int(response->exited_at->nanos, 5);
	rpc_free(call.response);
}

static void large_state(void)
{
	char *id = malloc(LARGE + 1);

	test_true(id);
	memset(id, 'x', LARGE);
	id[LARGE] = '\0';
	state(id, TTRPC_OK);
	free(id);
}

static void deadline(void)
{
	Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	struct call call;

	request.id = rpc_str("never");
	start(&call, "Wait", &request.base, &containerd__task__v2__wait_response__descriptor,
	      1000000);
	test_int(loop_run(&loop), 0);
	test_int(call.code, TTRPC_DEADLINE_EXCEEDED);
}

static void unimplemented(void)
{
	Containerd__Task__V2__StatsRequest request = CONTAINERD__TASK__V2__STATS_REQUEST__INIT;
	static const char *const names[] = {"Stats", "Nonsense"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct call call;

		start(&call, names[i], &request.base,
		      &containerd__task__v2__stats_response__descriptor, 0);
		test_int(loop_run(&loop), 0);
		test_int(call.code, TTRPC_UNIMPLEMENTED);
	}
}

static void concurrent(void)
{
	static struct call waits[N_WAITS], kills[N_WAITS];
	Containerd__Task__V2__WaitRequest wait = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	Containerd__Task__V2__KillRequest kill = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
	char id[N_WAITS + 1];

	memset(id, 'w', sizeof(id));
	id[N_WAITS] = '\0';
	for (size_t i = 0; i < N_WAITS; i++) {
		wait.id = id + i;
		start(&waits[i], "Wait", &wait.base,
		      &containerd__task__v2__wait_response__descriptor, 0);
	}
	for (size_t i = N_WAITS; i-- > 0;) {
		kill.id = id + i;
		start(&kills[i], "Kill", &kill.base, &google__protobuf__empty__descriptor, 0);
	}
	test_int(loop_run(&loop), 0);
	for (size_t i = 0; i < N_WAITS; i++) {
		test_int(kills[i].code, TTRPC_OK);
		test_int(waits[i].code, TTRPC_OK);
		test_int(((Containerd__Task__V2__WaitResponse *)waits[i].response)->exit_status,
			 N_WAITS - i);
		rpc_free(waits[i].response);
		rpc_free(kills[i].response);
	}
}

int peer_call(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	test_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	test_int(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	test_int(loop_init(&loop), 0);
	test_int(ttrpc_client_new(&loop, fd, NULL, NULL, &client), 0);
	create();
	state("abc", TTRPC_OK);
	state("none", TTRPC_NOT_FOUND);
	large_state();
	unimplemented();
	deadline();
	concurrent();
	ttrpc_client_free(client);
	loop_deinit(&loop);
	return 0;
}
