/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/ask.h"

#include <errno.h>

#include "base/fd.h"
#include "base/unix.h"
#include "rpc/task.h"

struct asking {
	struct loop loop;
	struct ttrpc_client *client;
	struct ttrpc_request request;
	const ProtobufCMessageDescriptor *type;
	ProtobufCMessage **ret;
};

static void answered(struct ttrpc_request *request, const struct ttrpc_answer *answer)
{
	struct asking *a = container_of(request, struct asking, request);
	int r = answer->code == TTRPC_OK ? 0 : ttrpc_code_to_errno((int)answer->code);

	if (r == 0 && a->ret)
		r = rpc_unpack(a->type, answer->payload, answer->payload_len, a->ret);
	loop_quit(&a->loop, r);
}

static int ask(struct asking *a, const char *socket, const char *method,
	       const ProtobufCMessage *request, uint64_t patience)
{
	int fd = unix_connect_now(socket), r;

	if (fd < 0)
		return fd;
	r = ttrpc_client_new(&a->loop, fd, NULL, NULL, &a->client);
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	r = rpc_call(a->client, &a->request, RPC_SERVICE_TASK_V2, method, request,
		     (int64_t)patience, answered);
	return r < 0 ? r : loop_run(&a->loop);
}

int shim_ask(const char *socket, const char *method, const ProtobufCMessage *request,
	     uint64_t patience, const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret)
{
	struct asking a = {.type = type, .ret = ret};
	int r = loop_init(&a.loop);

	if (r < 0)
		return r;
	ttrpc_request_init(&a.request);
	r = ask(&a, socket, method, request, patience);
	ttrpc_client_free(a.client);
	loop_deinit(&a.loop);
	return r;
}
