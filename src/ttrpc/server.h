/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "ttrpc/status.h"

/*
 * TTRPC server. A server is a table of services; any number of connections (up to a quota), each a
 * stream socket, whoever dialled. One thread: a handler must not block. A handler answers at once
 * or keeps the call and answers later, in any order (Wait).
 *
 * A call's life: handler(call) -> exactly one ttrpc_call_reply() or ttrpc_call_fail(), after which
 * the call must not be touched. If the connection ends first, ttrpc_call.cancelled is called, if
 * set, and the call must not be touched after that returns.
 */

/* Calls that one connection may have under way; a further one is RESOURCE_EXHAUSTED. */
#define TTRPC_CONN_CALLS_MAX 1024

struct ttrpc_server;

/**
 * struct ttrpc_call - one request being served
 * @service, @method: as in the tables below
 * @payload, @payload_len: the request message; valid only until the handler returns
 * @conn: the number of the client's connection; no other one of this server ever has it
 * @timeout_nano: what the client allows, nanoseconds; 0: no limit, negative: already over
 * @cancelled: set by a handler that keeps the call: the client is gone, forget the call
 * @userdata: the handler's own
 */
struct ttrpc_call {
	const struct ttrpc_service *service;
	const struct ttrpc_method *method;
	const uint8_t *payload;
	size_t payload_len;
	uint64_t conn;
	int64_t timeout_nano;
	void (*cancelled)(struct ttrpc_call *call);
	/*
	 * Set by the handler of a BIDI_STREAM: a message of the client, the first one too, or NULL
	 * when it will send no more. The handler itself gets no payload.
	 */
	void (*received)(struct ttrpc_call *call, const uint8_t *data, size_t len);
	/*
	 * Set by the handler of a stream that can do without some messages: the client has read
	 * what was queued for it, there is room again.
	 */
	void (*writable)(struct ttrpc_call *call);
	void *userdata;
};

enum ttrpc_stream {
	TTRPC_UNARY,
	TTRPC_SERVER_STREAM, /* one request, many answers */
	TTRPC_BIDI_STREAM,
};

/**
 * struct ttrpc_method - a row of a service's table; the table ends with a NULL name
 * @data: the handler's own, for instance the message descriptors of a typed layer
 */
struct ttrpc_method {
	const char *name;
	void (*handler)(struct ttrpc_call *call);
	enum ttrpc_stream stream;
	const void *data;
};

/**
 * struct ttrpc_service - "package.Service" and its methods
 * @userdata: for the handlers, by call->service->userdata
 */
struct ttrpc_service {
	const char *name;
	const struct ttrpc_method *methods;
	void *userdata;
};

/**
 * ttrpc_server_new() - a server without connections
 * @services: ends with a NULL name; must outlive the server
 * @max_conns: more connections than this are closed at once
 *
 * Return: 0 or -ENOMEM.
 */
int ttrpc_server_new(struct loop *loop, const struct ttrpc_service *services, size_t max_conns,
		     struct ttrpc_server **ret);

/** ttrpc_server_free() - close all connections, cancelling their calls; NULL is harmless */
void ttrpc_server_free(struct ttrpc_server *server);

/**
 * ttrpc_server_listen() - accept connections on a listening socket, which the server then owns
 * @same_user: refuse peers whose uid and gid are not ours (SO_PEERCRED), silently, as containerd's
 *   shims do
 *
 * Return: 0 or negative errno (the descriptor is then still the caller's).
 */
int ttrpc_server_listen(struct ttrpc_server *server, int fd, bool same_user);

/**
 * ttrpc_server_add() - serve an established connection, which the server then owns
 *
 * Return: 0 or negative errno: -EBUSY when the quota is used up (the descriptor is then still the
 * caller's).
 */
int ttrpc_server_add(struct ttrpc_server *server, int fd);

/** ttrpc_server_idle() - true when every answer has been written to its socket */
bool ttrpc_server_idle(const struct ttrpc_server *server);

/**
 * ttrpc_server_on_conn_closed() - be told when a connection has ended
 * @callback: gets @userdata, the connection's number (never 0), and how many connections are left;
 *   the connection's calls have been cancelled
 */
void ttrpc_server_on_conn_closed(struct ttrpc_server *server,
				 void (*callback)(void *userdata, uint64_t conn, size_t left),
				 void *userdata);

/**
 * ttrpc_server_on_flushed() - be told when a client has taken all that it was slow to read: the server may be idle now
 * @callback: does not end the server
 */
void ttrpc_server_on_flushed(struct ttrpc_server *server, void (*callback)(void *userdata),
			     void *userdata);

/**
 * ttrpc_call_reply() - answer OK with a message
 *
 * For a streaming call: a last message, then the end with OK. An answer over the 4 MiB of a frame
 * becomes RESOURCE_EXHAUSTED; so does one for which there is no memory or no room in the queue of a
 * client that does not read its answers.
 */
void ttrpc_call_reply(struct ttrpc_call *call, const void *payload, size_t len);

/** ttrpc_call_fail() - answer with a status and a message for people */
void ttrpc_call_fail(struct ttrpc_call *call, enum ttrpc_code code, const char *fmt, ...)
	_printf_(3, 4);

/**
 * ttrpc_call_send() - streaming calls: one message to the client, the call stays open
 *
 * Return: 0, also when the connection has just broken (->cancelled will tell); -ENOBUFS when the
 * client does not keep up: more than 64 KiB wait for it (nothing was queued), -ENOMEM, -EMSGSIZE.
 */
int ttrpc_call_send(struct ttrpc_call *call, const void *payload, size_t len);

/** ttrpc_call_end() - streaming calls: no more messages to the client, status OK (Data, closed) */
void ttrpc_call_end(struct ttrpc_call *call);
