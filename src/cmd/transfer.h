/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cmd/client.h"
#include "sandbox/greeting.h"

/**
 * struct transfer - a call to the guest with a stream beside it, which we open ourselves: nothing but
 * vsock is between us and whoever is at its other end
 * @uri: what the request is to name as its stream
 * @fd: our end, which blocks; transfer_end() closes it
 */
struct transfer {
	struct client *client;
	struct greeting greeting;
	struct ttrpc_request request;
	char uri[sizeof(ABI_STREAM_SCHEME) + GREETING_ID_MAX];
	int fd;
	bool opened, answered;
	struct err failure;
};

#define TRANSFER_NULL                                    \
	{                                                \
		.greeting = GREETING_NULL, .fd = -EBADF, \
	}

/** transfer_open() - open the stream. Return: 0 or negative errno with a message. */
int transfer_open(struct transfer *transfer, struct client *client, struct err *err);

/**
 * transfer_begin() - send the call, and let bytes flow
 * @request: names @transfer->uri
 *
 * Return: 0, or negative errno with a message; it has ended then.
 */
int transfer_begin(struct transfer *transfer, const char *service, const char *method,
		   const ProtobufCMessage *request, struct err *err);

/**
 * transfer_end() - close our end, and wait for the answer; may be called again
 *
 * Return: 0 or negative errno with the guest's message, which tells more than what went wrong with the
 * stream.
 */
int transfer_end(struct transfer *transfer, struct err *err);

/**
 * transfer_give_up() - close our end, and wait for nobody: it failed on our side, and a guest that
 * sent nonsense need not answer. One that lives finds its stream broken. May be called again.
 */
void transfer_give_up(struct transfer *transfer);
