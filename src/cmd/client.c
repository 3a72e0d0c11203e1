/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/client.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/unix.h"
#include "task.pb-c.h"

/* Who answers: the shim by itself; the guest, or the VMM and perhaps the guest, asked by it; or somebody, some day. */
enum asked {
	ASKED_SHIM,
	ASKED_VM,
	ASKED_GUEST,
	ASKED_GUEST_TO_ACT,
	ASKED_TO_WAIT,
};

static const struct {
	const char *method;
	enum asked asked;
} others[] = {
	{"Info", ASKED_GUEST},	      {"Stats", ASKED_GUEST},
	{"Hold", ASKED_GUEST_TO_ACT}, {"Release", ASKED_GUEST_TO_ACT},
	{"Exec", ASKED_GUEST_TO_ACT}, {"Start", ASKED_GUEST_TO_ACT},
	{"Kill", ASKED_GUEST_TO_ACT}, {"Delete", ASKED_GUEST_TO_ACT},
	{"Wait", ASKED_TO_WAIT},      {"Pause", ASKED_VM},
	{"Resume", ASKED_VM},	      {"Update", ASKED_VM},
};

/**
 * struct pending - a call
 * @probe: asks whether the shim is there at all, while @request is the guest's to answer
 * @patience: when it is over, somebody does not answer
 */
struct pending {
	struct ttrpc_request request, probe;
	struct loop_timer patience;
	enum asked asked;
	struct client *client;
	bool done, shim_lives;
	int result;
	const ProtobufCMessageDescriptor *response;
	ProtobufCMessage *message;
	struct err *err;
};

char *client_socket_path(const struct record *record)
{
	return path_join(record->run_path, RECORD_SHIM_SOCKET);
}

static int shim_is_mute(struct client *client, struct err *err)
{
	const char *id = client->record->id;

	client->mute = true;
	if (client->shim == 0)
		return err_set(err, -ETIMEDOUT, "container %s: its caisson-shim does not answer",
			       id);
	return err_set(err, -ETIMEDOUT,
		       "container %s: its caisson-shim, process %d, does not answer: if it was "
		       "stopped, `kill -CONT %d` lets it go on; `kill -KILL %d` ends it and the VM",
		       id, (int)client->shim, (int)client->shim, (int)client->shim);
}

static int guest_is_mute(const struct client *client, struct err *err)
{
	return err_set(err, -ETIMEDOUT,
		       "container %s: the guest does not answer: `%s delete -f %s` ends its VM",
		       client->record->id, paths_command(), client->record->id);
}

static int vm_is_mute(const struct client *client, struct err *err)
{
	return err_set(
		err, -ETIMEDOUT,
		"container %s: its virtual machine does not answer, so its guest or its VMM was "
		"stopped, or is busy: `%s delete -f %s` ends it",
		client->record->id, paths_command(), client->record->id);
}

/* Who listens on a socket is who said so last: the shim, or whoever is just starting it. */
static pid_t peer_of(int fd)
{
	struct ucred cred = {.pid = 0};
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.pid == getpid())
		return 0;
	return cred.pid;
}

int client_connect(struct client *client, const struct record *record, struct err *err)
{
	_cleanup_free_ char *path = client_socket_path(record);
	int fd, r;

	client->record = record;
	client->patience = CLIENT_PATIENCE_NS;
	r = loop_init(&client->loop);
	if (r < 0)
		return err_errno(err, r, "cannot make an event loop");
	fd = unix_connect(path);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return err_set(err, -ENOTCONN, "container %s is not running", record->id);
	if (fd == -EAGAIN)
		return shim_is_mute(client, err);
	if (fd < 0)
		return err_errno(err, fd, "cannot reach container %s", record->id);
	client->shim = peer_of(fd);
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

int client_lost(const struct client *client, struct err *err)
{
	_cleanup_free_ char *why = record_failure(client->record);

	return err_set(err, -ENOTCONN, "container %s: %s", client->record->id,
		       why ? why : "its caisson-shim has ended");
}

static void answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct pending *p = container_of(req, struct pending, request);

	p->done = true;
	if (answer->code == TTRPC_UNAVAILABLE && strcmp(answer->message, TTRPC_CLIENT_CLOSED) == 0)
		p->result = client_lost(p->client, p->err);
	else if (answer->code != TTRPC_OK)
		p->result =
			err_set(p->err, ttrpc_code_to_errno(answer->code), "%s", answer->message);
	else if (p->response &&
		 rpc_unpack(p->response, answer->payload, answer->payload_len, &p->message) < 0)
		p->result = err_set(p->err, -EPROTO, "the shim's answer makes no sense");
	loop_quit(&p->client->loop, 0);
}

static void probe_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer _unused_)
{
	container_of(req, struct pending, probe)->shim_lives = true;
}

static void probe(struct pending *p)
{
	Containerd__Task__V2__ConnectRequest request = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;

	p->shim_lives = false;
	request.id = p->client->record->id;
	(void)rpc_call(p->client->rpc, &p->probe, RPC_SERVICE_TASK_V3, "Connect", &request.base, 0,
		       probe_answered);
}

static void be_patient(struct pending *p);

static void no_answer(struct loop_timer *timer)
{
	struct pending *p = container_of(timer, struct pending, patience);

	if (p->shim_lives && p->asked == ASKED_GUEST_TO_ACT) {
		be_patient(p);
		return;
	}
	p->done = true;
	if (!p->shim_lives)
		p->result = shim_is_mute(p->client, p->err);
	else if (p->asked == ASKED_VM)
		p->result = vm_is_mute(p->client, p->err);
	else
		p->result = guest_is_mute(p->client, p->err);
	loop_quit(&p->client->loop, 0);
}

static void be_patient(struct pending *p)
{
	struct client *client = p->client;

	if (client->patience == 0 || p->asked == ASKED_TO_WAIT)
		return;
	if (p->asked != ASKED_SHIM)
		probe(p);
	loop_timer_start(&client->loop, &p->patience, loop_now(&client->loop) + client->patience,
			 no_answer);
}

static enum asked asked_by(const char *method)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(others[i].method, method) == 0)
			return others[i].asked;
	return ASKED_SHIM;
}

int client_call_service(struct client *client, const char *service, const char *method,
			const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
			ProtobufCMessage **ret, struct err *err)
{
	struct pending p = {
		.client = client, .asked = asked_by(method), .response = response, .err = err};
	int r;

	if (client->mute)
		return shim_is_mute(client, err);
	ttrpc_request_init(&p.request);
	ttrpc_request_init(&p.probe);
	loop_timer_init(&p.patience);
	r = rpc_call(client->rpc, &p.request, service, method, request, 0, answered);
	if (r < 0)
		return err_errno(err, r, "cannot ask the shim to %s", method);
	be_patient(&p);
	while (!p.done && !client->cancelled)
		(void)loop_run(&client->loop);
	loop_timer_stop(&p.patience);
	ttrpc_request_cancel(&p.probe);
	ttrpc_request_cancel(&p.request);
	if (!p.done)
		return err_set(err, -EINTR, "interrupted");
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
