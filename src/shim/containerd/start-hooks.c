/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/start-hooks.h"

#include <errno.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/unix.h"
#include "rpc/rpc.h"
#include "sandbox/hooks.h"
#include "task.pb-c.h"

#define PATIENCE (10 * NSEC_PER_SEC)

/* struct asking - who stands for the container; @pid: 0: nobody has said so */
struct asking {
	struct loop loop;
	struct ttrpc_client *client;
	struct ttrpc_request request;
	pid_t pid;
};

static void answered(struct ttrpc_request *request, const struct ttrpc_answer *answer)
{
	struct asking *a = container_of(request, struct asking, request);
	ProtobufCMessage *m;

	if (answer->code == TTRPC_OK &&
	    rpc_unpack(&containerd__task__v2__connect_response__descriptor, answer->payload,
		       answer->payload_len, &m) == 0) {
		a->pid = (pid_t)((Containerd__Task__V2__ConnectResponse *)m)->shim_pid;
		rpc_free(m);
	}
	loop_quit(&a->loop, 0);
}

static int ask(struct asking *a, const char *id, const char *socket)
{
	Containerd__Task__V2__ConnectRequest request = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
	int fd = unix_connect(socket), r;

	if (fd < 0)
		return fd;
	r = ttrpc_client_new(&a->loop, fd, NULL, NULL, &a->client);
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	request.id = rpc_str(id);
	r = rpc_call(a->client, &a->request, RPC_SERVICE_TASK_V2, "Connect", &request.base,
		     PATIENCE, answered);
	return r < 0 ? r : loop_run(&a->loop);
}

/* It answers once it is where the container is to be. */
static pid_t await_shim(const char *id, const char *socket)
{
	struct asking a = {.pid = 0};

	if (loop_init(&a.loop) < 0)
		return 0;
	ttrpc_request_init(&a.request);
	(void)ask(&a, id, socket);
	ttrpc_client_free(a.client);
	loop_deinit(&a.loop);
	return a.pid;
}

int start_hooks(const struct record *record, const struct sandbox_spec *spec, const char *socket,
		struct err *err)
{
	static const char *const early[] = {"prestart", "createRuntime"};
	pid_t pid = await_shim(record->id, socket);
	int r = 0;

	if (pid == 0)
		return err_set(err, -ENOTCONN, "container %s: its caisson-shim does not answer",
			       record->id);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(early); i++)
		r = hooks_run(record, spec, early[i], "creating", pid, err);
	return r;
}
