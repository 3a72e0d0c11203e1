/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "rpc/rpc.h"
#include "sandbox/record.h"

/* How long a person waits before being told who does not answer. */
#define CLIENT_PATIENCE_NS (5 * NSEC_PER_SEC)

/**
 * struct client - a command's connection to a container's shim, with the loop it all runs in
 * @record: borrowed
 * @shim: its process; 0: not known, it is on its way yet
 * @patience: CLIENT_PATIENCE_NS; 0: waiting is what the command is for
 * @mute: the shim did not answer in time, and is not asked any more
 * @cancelled: set, with loop_quit(), by whoever wants the present and all further calls to give up
 */
struct client {
	struct loop loop;
	struct ttrpc_client *rpc;
	const struct record *record;
	pid_t shim;
	uint64_t patience;
	struct loop_signal signals;
	bool mute, cancelled;
};

#define CLIENT_NULL                                                            \
	{                                                                      \
		.loop = {.epoll_fd = -EBADF}, .signals = {.io = LOOP_IO_NULL } \
	}

/**
 * client_connect() - to the shim of @record
 *
 * Return: 0; -ENOTCONN with a message when the container does not run; -ETIMEDOUT with one when
 * its shim takes no connections; other negative errno.
 */
int client_connect(struct client *client, const struct record *record, struct err *err);

/**
 * client_obey_signals() - SIGINT, SIGTERM and SIGHUP cancel the calls from now on
 *
 * Return: 0 or negative errno with a message.
 */
int client_obey_signals(struct client *client, struct err *err);

/** client_lost() - the shim has gone while it was asked. Return: -ENOTCONN, with what is known of why. */
int client_lost(const struct client *client, struct err *err);

/** client_disconnect() - may be called again */
void client_disconnect(struct client *client);

/**
 * client_call() - a call of the Task service, waiting for the answer; the loop runs meanwhile
 * @method: of the service containerd.task.v3.Task
 * @response: its type, or NULL when nothing is wanted of it
 * @ret: set on success, if @response is given; rpc_free() it
 *
 * A shim that does not answer, as one that was stopped, is noticed after @client->patience, and so is
 * a guest that is asked how it is. What the guest has to do first may take as long as the shim lets
 * it, and Wait for ever.
 *
 * Return: 0 or negative errno with a message. A refusal of the shim is ttrpc_code_to_errno() of its
 * status, with its text; -ETIMEDOUT: there was no answer; -EINTR: @client was cancelled.
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
