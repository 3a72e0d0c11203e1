/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/client.h"

#include <signal.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/dial.h"

struct pending {
	struct ttrpc_request request;
	struct client *client;
	bool done;
	int result;
	const ProtobufCMessageDescriptor *response;
	ProtobufCMessage *message;
	struct err *err;
};

char *client_socket_path(const struct record *record)
{
	return path_join(record->run_path, "shim.sock");
}

int client_connect(struct client *client, const struct record *record, struct err *err)
{
	_cleanup_free_ char *path = client_socket_path(record);
	int fd, r;

	r = loop_init(&client->loop);
	if (r < 0)
		return err_errno(err, r, "cannot make an event loop");
	fd = unix_connect(path);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return err_set(err, -ENOTCONN, "container %s is not running", record->id);
	if (fd < 0)
		return err_errno(err, fd, "cannot reach container %s", record->id);
	r = ttrpc_client_new(&client->loop, fd, NULL, NULL, &client->rpc);
	if (r < 0) {
		(void)fd_close(fd);
		return err_errno(err, r, "cannot reach container %s", record->id);
	}
	return 0;
}

static void signalled(struct loop_signal *source, int signo _unused_)
{
	struct client *client = container_of(source, struct client, signals);

	client->cancelled = true;
	loop_quit(&client->loop, 0);
}

int client_obey_signals(struct client *client, struct err *err)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	r = loop_signal_start(&client->loop, &client->signals, &set, signalled);
	return r < 0 ? err_errno(err, r, "cannot watch for signals") : 0;
}

void client_disconnect(struct client *client)
{
	loop_signal_stop(&client->signals);
	ttrpc_client_free(take_ptr(client->rpc));
	loop_deinit(&client->loop);
}

static void answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct pending *p = container_of(req, struct pending, request);

	p->done = true;
	if (answer->code != TTRPC_OK)
		p->result =
			err_set(p->err, ttrpc_code_to_errno(answer->code), "%s", answer->message);
	else if (p->response &&
		 rpc_unpack(p->response, answer->payload, answer->payload_len, &p->message) < 0)
		p->result = err_set(p->err, -EPROTO, "the shim's answer makes no sense");
	loop_quit(&p->client->loop, 0);
}

int client_call_service(struct client *client, const char *service, const char *method,
			const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
			ProtobufCMessage **ret, struct err *err)
{
	struct pending p = {.client = client, .response = response, .err = err};
	int r;

	ttrpc_request_init(&p.request);
	r = rpc_call(client->rpc, &p.request, service, method, request, 0, answered);
	if (r < 0)
		return err_errno(err, r, "cannot ask the shim to %s", method);
	while (!p.done && !client->cancelled)
		(void)loop_run(&client->loop);
	if (!p.done) {
		ttrpc_request_cancel(&p.request);
		return err_set(err, -EINTR, "interrupted");
	}
	if (p.result == 0 && ret)
		*ret = p.message;
	return p.result;
}

int client_call(struct client *client, const char *method, const ProtobufCMessage *request,
		const ProtobufCMessageDescriptor *response, ProtobufCMessage **ret, struct err *err)
{
	return client_call_service(client, RPC_SERVICE_TASK_V3, method, request, response, ret,
				   err);
}

static void forget(struct ttrpc_request *req, const struct ttrpc_answer *answer _unused_)
{
	free(req);
}

void client_send(struct client *client, const char *method, const ProtobufCMessage *request)
{
	struct ttrpc_request *req = xcalloc(1, sizeof(*req));

	ttrpc_request_init(req);
	if (rpc_call(client->rpc, req, RPC_SERVICE_TASK_V3, method, request, 0, forget) < 0)
		free(req);
}
