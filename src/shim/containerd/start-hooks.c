/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/start-hooks.h"

#include <errno.h>

#include "base/clock.h"
#include "sandbox/hooks.h"
#include "shim/containerd/ask.h"
#include "task.pb-c.h"

#define PATIENCE (10 * NSEC_PER_SEC)

/* It answers once it is where the container is to be. Return: who stands for that; 0: it does not answer. */
static pid_t await_shim(const char *id, const char *socket)
{
	Containerd__Task__V2__ConnectRequest request = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
	ProtobufCMessage *m;
	pid_t pid;

	request.id = rpc_str(id);
	if (shim_ask(socket, "Connect", &request.base, PATIENCE,
		     &containerd__task__v2__connect_response__descriptor, &m) < 0)
		return 0;
	pid = (pid_t)((Containerd__Task__V2__ConnectResponse *)m)->shim_pid;
	rpc_free(m);
	return pid;
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
