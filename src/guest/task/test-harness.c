/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/test-harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "empty.pb-c.h"
#include "guest/task/lifecycle.h"
#include "guest/task/relay.h"
#include "rpc/task.h"

struct loop harness_loop;
struct task harness_task;
struct stream_table harness_streams;
int harness_shutdowns;
bool harness_serving;
char harness_text[600];

static struct cgroups cgroups = CGROUPS_NULL;
static struct events events;
static struct ttrpc_service services[4];
static struct ttrpc_server *server;
static struct ttrpc_client *client;

static void count_shutdown(struct task *task, bool now)
{
	(void)task;
	harness_shutdowns += now ? 100 : 1;
}

static void process_ended(struct task *task)
{
	(void)task;
}

static void connect_client(void)
{
	int pair[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	test_int(ttrpc_server_add(server, pair[0]), 0);
	test_int(ttrpc_client_new(&harness_loop, pair[1], NULL, NULL, &client), 0);
}

void harness_begin(struct executor *executor)
{
	sigset_t set;

	/* As vminitd does: what is blocked, unlike what is ignored, does not reach its children. */
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	test_int(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	test_int(loop_init(&harness_loop), 0);
	test_int(relay_setup(open("/dev/null", O_RDWR | O_CLOEXEC)), 0);
	stream_init(&harness_streams, &harness_loop);
	harness_task.loop = &harness_loop;
	harness_task.streams = &harness_streams;
	harness_task.cgroups = &cgroups;
	harness_task.events = &events;
	harness_task.executor = executor;
	harness_task.shutdown = count_shutdown;
	harness_task.ended = process_ended;
	task_init(&harness_task);
	memcpy(services, harness_task.services, sizeof(harness_task.services));
	services[2] = events_init(&events);
	test_int(ttrpc_server_new(&harness_loop, services, 4, &server), 0);
	connect_client();
}

void harness_disconnect(void)
{
	ttrpc_client_free(client);
	harness_turn();
	connect_client();
}

void harness_end(void)
{
	ttrpc_client_free(client);
	ttrpc_server_free(server);
	stream_deinit(&harness_streams);
	loop_deinit(&harness_loop);
}

static void turn_over(struct loop_defer *defer)
{
	(void)defer;
	loop_quit(&harness_loop, 0);
}

void harness_turn(void)
{
	struct loop_defer defer = LOOP_DEFER_NULL(defer);

	loop_defer_start(&harness_loop, &defer, turn_over);
	test_int(loop_run(&harness_loop), 0);
}

void harness_wait(void)
{
	struct pollfd pollfd = {.fd = harness_loop.epoll_fd, .events = POLLIN};

	if (list_empty(&harness_loop.deferred))
		(void)poll(&pollfd, 1, -1);
	harness_turn();
}

void harness_until(const bool *flag)
{
	while (!*flag)
		harness_wait();
}

static void answered(struct ttrpc_request *request, const struct ttrpc_answer *answer)
{
	struct harness_call *call = container_of(request, struct harness_call, request);

	harness_serving = false;
	call->done = true;
	call->code = answer->code;
	(void)snprintf(call->text, sizeof(call->text), "%s", answer->message);
	if (answer->code == TTRPC_OK)
		test_int(rpc_unpack(call->type, answer->payload, answer->payload_len,
				    &call->response),
			 0);
}

void harness_start(struct harness_call *call, const char *method, const ProtobufCMessage *request,
		   const ProtobufCMessageDescriptor *type)
{
	ttrpc_request_init(&call->request);
	call->type = type;
	call->done = false;
	call->response = NULL;
	test_int(
		rpc_call(client, &call->request, RPC_SERVICE_TASK_V2, method, request, 0, answered),
		0);
	harness_serving = true;
}

enum ttrpc_code harness_finish(struct harness_call *call)
{
	harness_until(&call->done);
	return call->code;
}

void harness_done(struct harness_call *call)
{
	ttrpc_request_cancel(&call->request);
	rpc_free(call->response);
	call->response = NULL;
}

enum ttrpc_code harness_call(const char *method, const ProtobufCMessage *request)
{
	struct harness_call call;
	enum ttrpc_code code;

	/* Unknown fields are kept as they are: any type will do. */
	harness_start(&call, method, request, &google__protobuf__empty__descriptor);
	code = harness_finish(&call);
	memcpy(harness_text, call.text, sizeof(harness_text));
	harness_done(&call);
	return code;
}

int harness_stream(const char *id)
{
	uint8_t header[4] = {0, 0, 0, (uint8_t)strlen(id)}, answer[4 + ABI_STREAM_ID_MAX];
	ssize_t len = (ssize_t)(sizeof(header) + strlen(id));
	int pair[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	stream_add(&harness_streams, pair[1]);
	test_int(write(pair[0], header, sizeof(header)), sizeof(header));
	test_int(write(pair[0], id, strlen(id)), (long long)strlen(id));
	harness_turn();
	test_int(read(pair[0], answer, sizeof(answer)), len);
	test_mem(answer + sizeof(header), id, strlen(id));
	return pair[0];
}

void harness_process(Caisson__Guest__V1__Process *process, char **words)
{
	caisson__guest__v1__process__init(process);
	process->args = words;
	while (words[process->n_args])
		process->n_args++;
}

enum ttrpc_code harness_exec(const char *exec_id, Caisson__Guest__V1__Process *process,
			     const char *in, const char *out, const char *err)
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	enum ttrpc_code code;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	request.stdin_ = (char *)in;
	request.stdout_ = (char *)out;
	request.stderr_ = (char *)err;
	request.spec = &any;
	test_int(rpc_any_pack(&process->base, &any), 0);
	code = harness_call("Exec", &request.base);
	rpc_any_done(&any);
	return code;
}

enum ttrpc_code harness_start_process(const char *exec_id)
{
	Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	return harness_call("Start", &request.base);
}

enum ttrpc_code harness_delete(const char *exec_id, uint32_t *ret_status)
{
	Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
	struct harness_call call;
	enum ttrpc_code code;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	harness_start(&call, "Delete", &request.base,
		      &containerd__task__v2__delete_response__descriptor);
	code = harness_finish(&call);
	if (code == TTRPC_OK && ret_status)
		*ret_status = ((Containerd__Task__V2__DeleteResponse *)call.response)->exit_status;
	memcpy(harness_text, call.text, sizeof(harness_text));
	harness_done(&call);
	return code;
}

enum ttrpc_code harness_kill(const char *exec_id, uint32_t signo, bool all)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	request.signal = signo;
	request.all = all;
	return harness_call("Kill", &request.base);
}

void harness_start_wait(struct harness_call *call, const char *exec_id)
{
	Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	harness_start(call, "Wait", &request.base,
		      &containerd__task__v2__wait_response__descriptor);
}

enum ttrpc_code harness_state(const char *exec_id, Containerd__V1__Types__Status *ret_status)
{
	Containerd__Task__V2__StateRequest request = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
	struct harness_call call;
	enum ttrpc_code code;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	harness_start(&call, "State", &request.base,
		      &containerd__task__v2__state_response__descriptor);
	code = harness_finish(&call);
	if (code == TTRPC_OK)
		*ret_status = ((Containerd__Task__V2__StateResponse *)call.response)->status;
	memcpy(harness_text, call.text, sizeof(harness_text));
	harness_done(&call);
	return code;
}

void harness_create_init(struct harness_create *create, Caisson__Guest__V1__Process *process)
{
	containerd__task__v2__create_task_request__init(&create->request);
	caisson__guest__v1__container__init(&create->container);
	google__protobuf__any__init(&create->any);
	containerd__types__mount__init(&create->mount);
	create->container.process = process;
	create->mounts[0] = &create->mount;
	create->mount.type = (char *)"virtiofs";
	create->mount.source = (char *)ABI_SHARE_TAG;
	create->request.id = (char *)"c";
	create->request.n_rootfs = 1;
	create->request.rootfs = create->mounts;
	create->request.options = &create->any;
}

void harness_start_create(struct harness_call *call, struct harness_create *create)
{
	if (create->request.options == &create->any)
		test_int(rpc_any_pack(&create->container.base, &create->any), 0);
	harness_start(call, "Create", &create->request.base,
		      &containerd__task__v2__create_task_response__descriptor);
	rpc_any_done(&create->any);
}

enum ttrpc_code harness_create(struct harness_create *create)
{
	struct harness_call call;
	enum ttrpc_code code;

	harness_start_create(&call, create);
	code = harness_finish(&call);
	memcpy(harness_text, call.text, sizeof(harness_text));
	harness_done(&call);
	return code;
}
