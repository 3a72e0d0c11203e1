/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/describe.h"

#include "cmd/message-json.h"
#include "empty.pb-c.h"
#include "system.pb-c.h"
#include "task.pb-c.h"

const char *describe_status(Containerd__V1__Types__Status status)
{
	static const char *const names[] = {"creating", "created", "running",
					    "stopped",	"paused",  "pausing"};

	return (size_t)status < ARRAY_SIZE(names) ? names[status] : NULL;
}

const char *describe_state(struct client *client, const char *id, struct err *err)
{
	Containerd__Task__V2__StateRequest request = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
	Containerd__V1__Types__Status status;
	ProtobufCMessage *m;

	request.id = rpc_str(id);
	if (client_call(client, "State", &request.base,
			&containerd__task__v2__state_response__descriptor, &m, err) < 0)
		return NULL;
	status = ((Containerd__Task__V2__StateResponse *)m)->status;
	rpc_free(m);
	return describe_status(status);
}

struct json_object *describe_guest(struct client *client, struct err *err)
{
	Google__Protobuf__Empty request = GOOGLE__PROTOBUF__EMPTY__INIT;
	struct json_object *o;
	ProtobufCMessage *m;

	if (client_call_service(client, RPC_SERVICE_SYSTEM, "Info", &request.base,
				&caisson__guest__v1__info_response__descriptor, &m, err) < 0)
		return NULL;
	o = message_to_json(m);
	rpc_free(m);
	return o;
}

pid_t describe_shim(struct client *client, const char *id, struct err *err)
{
	Containerd__Task__V2__ConnectRequest request = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
	ProtobufCMessage *m;
	pid_t pid;

	request.id = rpc_str(id);
	if (client_call(client, "Connect", &request.base,
			&containerd__task__v2__connect_response__descriptor, &m, err) < 0)
		return 0;
	pid = (pid_t)((Containerd__Task__V2__ConnectResponse *)m)->shim_pid;
	rpc_free(m);
	return pid;
}
