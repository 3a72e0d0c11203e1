/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"
#include "ttrpc/status.h"

/*
 * TTRPC client on one connected stream socket. Calls run concurrently and complete in any order.
 *
 * Each started request completes exactly once: its callback is called with the answer, or with
 * TTRPC_UNAVAILABLE when the connection ended first, unless it is cancelled before. Callbacks are
 * never called from within ttrpc_client_call().
 */

struct ttrpc_client;

/* Text of the answer, with TTRPC_UNAVAILABLE, that calls get whose connection has ended. */
#define TTRPC_CLIENT_CLOSED "the connection was closed"

/**
 * struct ttrpc_answer - how a call ended
 * @code: TTRPC_OK or the server's status
 * @message: the status' text, "" if none; valid only during the callback
 * @payload, @payload_len: the response message; valid only during the callback
 */
struct ttrpc_answer {
	enum ttrpc_code code;
	const char *message;
	const uint8_t *payload;
	size_t payload_len;
};

/**
 * struct ttrpc_request - one call under way, embedded in its owner
 * @done: how it ended; the request may be reused or freed in it
 * @received: streaming calls: one message of the server
 */
struct ttrpc_request {
	struct list link;
	struct ttrpc_client *client;
	struct loop_timer deadline;
	uint32_t stream_id;
	bool streaming, send_open;
	void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer);
	void (*received)(struct ttrpc_request *req, const uint8_t *data, size_t len);
};

#define TTRPC_REQUEST_NULL(r)                                                          \
	{                                                                              \
		.link = LIST_NULL((r).link), .deadline = LOOP_TIMER_NULL((r).deadline) \
	}

/** ttrpc_request_init() - before first use, unless TTRPC_REQUEST_NULL() was used */
void ttrpc_request_init(struct ttrpc_request *req);

/**
 * ttrpc_client_new() - a client on a connected socket
 * @fd: owned by the client on success
 * @closed: may be NULL; called once when the connection has ended for whatever reason but
 *   ttrpc_client_free(), after all requests have completed; the client may be freed in it
 *
 * Return: 0 or negative errno.
 */
int ttrpc_client_new(struct loop *loop, int fd,
		     void (*closed)(struct ttrpc_client *client, void *userdata), void *userdata,
		     struct ttrpc_client **ret);

/**
 * ttrpc_client_distrust() - the peer's messages are to be shown to people: make each one line of at
 * most TTRPC_LINE_MAX bytes, which cannot be taken for several of somebody else
 */
void ttrpc_client_distrust(struct ttrpc_client *client);

/**
 * ttrpc_client_limit() - take no answers from now on that are larger than so many bytes, of which less than 4096
 * change nothing: their calls end with TTRPC_RESOURCE_EXHAUSTED
 */
void ttrpc_client_limit(struct ttrpc_client *client, uint32_t bytes);

/**
 * ttrpc_client_free() - close; pending requests are forgotten without a callback; NULL is harmless
 */
void ttrpc_client_free(struct ttrpc_client *client);

/**
 * ttrpc_client_call() - start a unary call
 * @timeout_nano: told to the server, and enforced here too (TTRPC_DEADLINE_EXCEEDED); 0: none
 *
 * Return: 0; or negative errno, and then @done is never called: -EMSGSIZE over 4 MiB, -ENOTCONN
 * after the connection ended, -ENAMETOOLONG for names over about 1,000 bytes, -EBUSY when @req is
 * under way, -ENOBUFS when the server does not keep
 * up (over 4 MiB wait to be written), -EOVERFLOW after 2^31 calls, -ENOMEM.
 */
int ttrpc_client_call(struct ttrpc_client *client, struct ttrpc_request *req, const char *service,
		      const char *method, const void *payload, size_t len, int64_t timeout_nano,
		      void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer));

/**
 * ttrpc_client_stream() - start a streaming call
 * @client_streams: further messages will be sent with ttrpc_request_send()
 * @received: called for each message of the server, before @done
 *
 * Return: as ttrpc_client_call().
 */
int ttrpc_client_stream(struct ttrpc_client *client, struct ttrpc_request *req, const char *service,
			const char *method, const void *payload, size_t len, bool client_streams,
			void (*received)(struct ttrpc_request *req, const uint8_t *data,
					 size_t len),
			void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer));

/**
 * ttrpc_request_send() - one more message to the server
 *
 * Return: 0 or negative errno: -ENOTCONN when the call is over, -EPIPE after
 * ttrpc_request_close_send(), else as ttrpc_client_call().
 */
int ttrpc_request_send(struct ttrpc_request *req, const void *payload, size_t len);

/** ttrpc_request_close_send() - no more messages to the server. Return: as ttrpc_request_send(). */
int ttrpc_request_close_send(struct ttrpc_request *req);

/** ttrpc_request_cancel() - forget the call; a later answer is dropped. Harmless when none. */
void ttrpc_request_cancel(struct ttrpc_request *req);
