/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/task-call.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "sandbox.pb-c.h"
#include "shim/lifeline.h"
#include "task.pb-c.h"

int task_start(struct client *client, const char *id, const char *exec_id, struct err *err)
{
	Containerd__Task__V2__StartRequest request = CONTAINERD__TASK__V2__START_REQUEST__INIT;

	request.id = rpc_str(id);
	request.exec_id = rpc_str(exec_id);
	return client_call(client, "Start", &request.base, NULL, NULL, err);
}

int task_wait(struct client *client, const char *id, const char *exec_id, struct err *err)
{
	Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	Caisson__Sandbox__V1__WaitResponse *response;
	ProtobufCMessage *m;
	int r;

	request.id = rpc_str(id);
	request.exec_id = rpc_str(exec_id);
	r = client_call_service(client, SHIM_SERVICE, "Wait", &request.base,
				&caisson__sandbox__v1__wait_response__descriptor, &m, err);
	if (r < 0) {
		/* Several may be waited for, and not every answer names its own. */
		if (strncmp(err->text, "container ", strlen("container ")) != 0)
			(void)err_wrap(err, r, "container %s", id);
		return r;
	}
	response = (Caisson__Sandbox__V1__WaitResponse *)m;
	r = (int)response->exit_status;
	if (*response->failure)
		r = err_set(err, -EHOSTDOWN, "container %s: %s", id, response->failure);
	rpc_free(m);
	return r;
}

static Containerd__Task__V2__KillRequest kill_request(const char *id, const char *exec_id,
						      int signo)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	request.id = rpc_str(id);
	request.exec_id = rpc_str(exec_id);
	request.signal = (uint32_t)signo;
	return request;
}

int task_kill(struct client *client, const char *id, const char *exec_id, int signo, bool all,
	      struct err *err)
{
	Containerd__Task__V2__KillRequest request = kill_request(id, exec_id, signo);

	request.all = all;
	return client_call(client, "Kill", &request.base, NULL, NULL, err);
}

void task_kill_send(struct client *client, const char *id, const char *exec_id, int signo)
{
	Containerd__Task__V2__KillRequest request = kill_request(id, exec_id, signo);

	client_send(client, "Kill", &request.base);
}

int task_delete(struct client *client, const char *id, const char *exec_id, struct err *err)
{
	Containerd__Task__V2__DeleteRequest request = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;

	request.id = rpc_str(id);
	request.exec_id = rpc_str(exec_id);
	return client_call(client, "Delete", &request.base, NULL, NULL, err);
}

int task_shutdown(struct client *client, const char *id, struct err *err)
{
	Containerd__Task__V2__ShutdownRequest request =
		CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;

	request.id = rpc_str(id);
	request.now = true;
	return client_call(client, "Shutdown", &request.base, NULL, NULL, err);
}

int task_pause(struct client *client, const char *id, struct err *err)
{
	Containerd__Task__V2__PauseRequest request = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;

	request.id = rpc_str(id);
	return client_call(client, "Pause", &request.base, NULL, NULL, err);
}

int task_resume(struct client *client, const char *id, struct err *err)
{
	Containerd__Task__V2__ResumeRequest request = CONTAINERD__TASK__V2__RESUME_REQUEST__INIT;

	request.id = rpc_str(id);
	return client_call(client, "Resume", &request.base, NULL, NULL, err);
}

static int call_of_ours(struct client *client, const char *method, const char *id, struct err *err)
{
	Containerd__Task__V2__PauseRequest request = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;

	request.id = rpc_str(id);
	return client_call_service(client, SHIM_SERVICE, method, &request.base, NULL, NULL, err);
}

int task_hold(struct client *client, const char *id, struct err *err)
{
	return call_of_ours(client, "Hold", id, err);
}

int task_save(struct client *client, const char *id, struct err *err)
{
	return call_of_ours(client, "Save", id, err);
}

int task_release(struct client *client, const char *id, struct err *err)
{
	return call_of_ours(client, "Release", id, err);
}

char *task_random_id(void)
{
	uint32_t a[2];

	if (getrandom(a, sizeof(a), 0) != sizeof(a))
		abort();
	return xasprintf("%08x%04x", a[0], a[1] & 0xffff);
}
