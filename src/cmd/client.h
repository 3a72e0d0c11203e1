/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "rpc/rpc.h"
#include "sandbox/record.h"

/**
 * struct client - a command's connection to a container's shim, with the loop it all runs in
 * @cancelled: set, with loop_quit(), by whoever wants the present and all further calls to give up
 */
struct client {
	struct loop loop;
	struct ttrpc_client *rpc;
	struct loop_signal signals;
	bool cancelled;
};

#define CLIENT_NULL                                                            \
	{                                                                      \
		.loop = {.epoll_fd = -EBADF}, .signals = {.io = LOOP_IO_NULL } \
	}

/**
 * client_connect() - to the shim of @record
 *
 * Return: 0; -ENOTCONN with a message when the container does not run; other negative errno.
 */
int client_connect(struct client *client, const struct record *record, struct err *err);

/**
 * client_obey_signals() - SIGINT, SIGTERM and SIGHUP cancel the calls from now on
 *
 * Return: 0 or negative errno with a message.
 */
int client_obey_signals(struct client *client, struct err *err);

/** client_disconnect() - may be called again */
void client_disconnect(struct client *client);

/**
 * client_call() - a call of the Task service, waiting for the answer; the loop runs meanwhile
 * @method: of the service containerd.task.v3.Task
 * @response: its type, or NULL when nothing is wanted of it
 * @ret: set on success, if @response is given; rpc_free() it
 *
 * Return: 0 or negative errno with a message. A refusal of the shim is ttrpc_code_to_errno() of its
 * status, with its text; -EINTR: @client was cancelled.
 */
int client_call(struct client *client, const char *method, const ProtobufCMessage *request,
		const ProtobufCMessageDescriptor *response, ProtobufCMessage **ret,
		struct err *err);

/** client_call_service() - as client_call(), of any service */
int client_call_service(struct client *client, const char *service, const char *method,
			const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
			ProtobufCMessage **ret, struct err *err);

/**
 * client_send() - a call of the Task service whose answer nobody waits for
 */
void client_send(struct client *client, const char *method, const ProtobufCMessage *request);

/** client_socket_path() - where the shim of @record listens; free() it */
char *client_socket_path(const struct record *record);
