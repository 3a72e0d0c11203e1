/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "peer.h"
#include "rpc/task.h"

#define ID_MAX 64

static struct loop loop;
/* By the length of the id, which is what tells tasks apart here. */
static struct ttrpc_call *waiting[ID_MAX];
static bool killed[ID_MAX];
static size_t n_never, n_cancelled;

static void create(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CreateTaskRequest *request =
		(const Containerd__Task__V2__CreateTaskRequest *)message;
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	size_t n = strlen(request->id) + strlen(request->stdin_) + request->options->value.len;

	for (size_t i = 0; i < request->n_rootfs; i++)
		n += strlen(request->rootfs[i]->type) + 100 * request->rootfs[i]->n_options;
	response.pid = (uint32_t)n;
	rpc_reply(call, &response.base);
}

static void state(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StateRequest *request =
		(const Containerd__Task__V2__StateRequest *)message;
	Containerd__Task__V2__StateResponse response = CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;
	Google__Protobuf__Timestamp exited_at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	if (strcmp(request->id, "none") == 0) {
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "no task %s", request->id);
		return;
	}
	exited_at.seconds = 1234567890;
	exited_at.nanos = 5;
	response.id = request->id;
	response.stdin_ = request->exec_id;
	if (strcmp(request->exec_id, "double") == 0)
		response.stdout_ = request->id;
	response.exit_status = 7;
	response.exited_at = &exited_at;
	rpc_reply(call, &response.base);
}

static void wait_reply(struct ttrpc_call *call, size_t id)
{
	Containerd__Task__V2__WaitResponse response = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;

	response.exit_status = (uint32_t)id;
	rpc_reply(call, &response.base);
}

static void wait_cancelled(struct ttrpc_call *call _unused_)
{
	n_cancelled++;
}

static void wait_task(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	size_t id = strlen(((const Containerd__Task__V2__WaitRequest *)message)->id);

	test_true(id < ID_MAX);
	call->cancelled = wait_cancelled;
	if (strcmp(((const Containerd__Task__V2__WaitRequest *)message)->id, "never") == 0)
		n_never++;
	else if (killed[id])
		wait_reply(call, id);
	else
		waiting[id] = call;
}

static void kill_task(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	size_t id = strlen(((const Containerd__Task__V2__KillRequest *)message)->id);

	test_true(id < ID_MAX);
	killed[id] = true;
	rpc_reply_empty(call);
	if (waiting[id])
		wait_reply(take_ptr(waiting[id]), id);
}

static const struct ttrpc_method methods[] = {
	RPC_TASK("Create", create_task, create),
	RPC_TASK("State", state, state),
	RPC_TASK("Wait", wait, wait_task),
	RPC_TASK_EMPTY("Kill", kill, kill_task),
	{.name = NULL},
};

static const struct ttrpc_service services[] = {
	{.name = RPC_SERVICE_TASK_V2, .methods = methods},
	{.name = NULL},
};

static void stdin_ready(struct loop_io *io, uint32_t revents _unused_)
{
	char byte;

	if (read(io->fd, &byte, 1) == 0)
		loop_quit(&loop, 0);
}

int peer_serve(int listen_fd)
{
	struct loop_io stdin_io = LOOP_IO_NULL;
	struct ttrpc_server *server;

	test_int(loop_init(&loop), 0);
	test_int(ttrpc_server_new(&loop, services, 4, &server), 0);
	test_int(ttrpc_server_listen(server, listen_fd, true), 0);
	test_int(loop_io_start(&loop, &stdin_io, 0, EPOLLIN, stdin_ready), 0);
	test_int(loop_run(&loop), 0);
	ttrpc_server_free(server);
	/* Their clients gave up long before. */
	test_int(n_cancelled, n_never);
	loop_io_stop(&stdin_io);
	loop_deinit(&loop);
	return 0;
}
