/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/process.h"
#include "guest/task/stream.h"
#include "guest/worker.h"
#include "rpc/rpc.h"
#include "tar/trouble.h"

/*
 * A call whose work lets many bytes through a stream: a worker (guest/worker.h) has the stream, and
 * the call is answered when it has ended. Whoever asks decides how long that may take: the worker
 * ends when the call is cancelled, or its client has gone.
 */

#define TRANSFERS_MAX 16

/** transfer_init() - whose streams, what works, and the containers that there are */
void transfer_init(struct stream_table *streams, struct workers *workers,
		   struct process_table *processes);

/**
 * transfer_begin() - take the stream, and start
 * @uri: "stream://…" of a stream that waits
 * @run: in the child, which has no other descriptor than @stream, which blocks, and @words.
 *	Return: enum ttrpc_code; the last line of @words is then the message
 * @request: of @call; the child has it as well
 *
 * What cannot be begun is answered here.
 */
void transfer_begin(struct ttrpc_call *call, const char *uri,
		    int (*run)(const ProtobufCMessage *request, int stream, int words),
		    const ProtobufCMessage *request);

/** transfer_begin_in() - the same in the mount namespace of the container @id, with its root */
void transfer_begin_in(struct ttrpc_call *call, const char *uri, const char *id,
		       int (*run)(const ProtobufCMessage *request, int stream, int words),
		       const ProtobufCMessage *request);

/**
 * transfer_enter() - find a container whose mount namespace a worker is to enter
 *
 * Return: a pidfd, for setns(2); or negative errno, and @call is over.
 */
int transfer_enter(struct ttrpc_call *call, const char *id);

/**
 * transfer_say() - in the child: what is to become of the call
 * @error: negative errno
 * @what: what could not be done
 *
 * Return: the code.
 */
int transfer_say(int words, int error, const char *what);

/** transfer_say_trouble() - the same of packing or unpacking, with what it left in @trouble */
int transfer_say_trouble(int words, int error, const struct tar_trouble *trouble);

/**
 * transfer_put() - in the child: write all to the stream
 * @stream: int *
 *
 * Where memory is in pieces, the kernel finds no room for a large packet, and small ones go.
 *
 * Return: 0 or negative errno.
 */
int transfer_put(void *stream, const void *data, size_t len);
