/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/task-call.h"
#include "empty.pb-c.h"
#include "sandbox.pb-c.h"
#include "shim/lifeline.h"

static int ask_address(struct client *client, struct guest_address *ret, char **ret_path,
		       struct err *err)
{
	Google__Protobuf__Empty request = GOOGLE__PROTOBUF__EMPTY__INIT;
	const Caisson__Sandbox__V1__GuestAddressResponse *response;
	ProtobufCMessage *m;
	int r = client_call_service(client, SHIM_SERVICE, "GuestAddress", &request.base,
				    &caisson__sandbox__v1__guest_address_response__descriptor, &m,
				    err);

	if (r < 0)
		return r;
	response = (const Caisson__Sandbox__V1__GuestAddressResponse *)m;
	*ret_path = *response->hybrid_path ? xstrdup(response->hybrid_path) : NULL;
	*ret = (struct guest_address){.hybrid_path = *ret_path, .cid = response->cid};
	rpc_free(m);
	return 0;
}

static void greeted(struct greeting *greeting, int fd)
{
	struct transfer *t = container_of(greeting, struct transfer, greeting);

	t->opened = true;
	t->fd = fd;
	loop_quit(&t->client->loop, 0);
}

static int greet(struct transfer *t, const struct guest_address *address)
{
	int r = greeting_start(&t->greeting, &t->client->loop, address, greeted);

	if (r < 0)
		return r;
	while (!t->opened)
		(void)loop_run(&t->client->loop);
	return t->fd < 0 ? t->fd : fd_nonblock(t->fd, false);
}

int transfer_open(struct transfer *t, struct client *client, struct err *err)
{
	_cleanup_free_ char *path = NULL, *id = task_random_id();
	struct guest_address address;
	int r;

	*t = (struct transfer)TRANSFER_NULL;
	t->client = client;
	ttrpc_request_init(&t->request);
	(void)snprintf(t->greeting.id, sizeof(t->greeting.id), "transfer-%s", id);
	greeting_uri(&t->greeting, t->uri, sizeof(t->uri));
	r = ask_address(client, &address, &path, err);
	if (r < 0)
		return r;
	r = greet(t, &address);
	if (r < 0)
		return err_errno(err, r, "container %s: cannot open a stream to the guest",
				 client->record->id);
	return 0;
}

static void answered(struct ttrpc_request *request, const struct ttrpc_answer *answer)
{
	struct transfer *t = container_of(request, struct transfer, request);

	t->answered = true;
	if (answer->code == TTRPC_UNAVAILABLE && strcmp(answer->message, TTRPC_CLIENT_CLOSED) == 0)
		(void)client_lost(t->client, &t->failure);
	else if (answer->code != TTRPC_OK)
		(void)err_set(&t->failure, ttrpc_code_to_errno(answer->code), "container %s: %s",
			      t->client->record->id, answer->message);
	loop_quit(&t->client->loop, 0);
}

int transfer_begin(struct transfer *t, const char *service, const char *method,
		   const ProtobufCMessage *request, struct err *err)
{
	int r = rpc_call(t->client->rpc, &t->request, service, method, request, 0, answered);

	if (r < 0) {
		t->answered = true;
		(void)transfer_end(t, NULL);
		return err_errno(err, r, "cannot ask the guest to %s", method);
	}
	return 0;
}

int transfer_end(struct transfer *t, struct err *err)
{
	if (!t->client)
		return 0;
	t->fd = t->fd < 0 ? -EBADF : fd_close(t->fd);
	while (t->opened && !t->answered)
		(void)loop_run(&t->client->loop);
	ttrpc_request_cancel(&t->request);
	greeting_stop(&t->greeting);
	t->client = NULL;
	if (t->failure.code < 0)
		return err_set(err, t->failure.code, "%s", t->failure.text);
	return 0;
}

void transfer_give_up(struct transfer *t)
{
	t->answered = true;
	(void)transfer_end(t, NULL);
}
