/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "net/server.h"
#include "resolver.pb-c.h"
#include "rpc/rpc.h"
#include "sandbox/sandbox.h"

/* A datagram of UDP has no more. */
#define ANSWER_MAX 65535

void resolver_init(struct resolver *r, struct sandbox *sandbox)
{
	*r = (struct resolver){.sandbox = sandbox};
	ttrpc_request_init(&r->request);
	for (size_t i = 0; i < ARRAY_SIZE(r->queries); i++) {
		r->queries[i] = (struct resolver_query){.owner = r, .io = LOOP_IO_NULL};
		ttrpc_request_init(&r->queries[i].request);
	}
}

static void forget(struct resolver_query *query)
{
	int fd = query->io.fd;

	loop_io_stop(&query->io);
	fd_close(fd);
	ttrpc_request_cancel(&query->request);
}

static int connect_to_server(int type)
{
	_cleanup_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr_in server = {.sin_family = AF_INET,
					   .sin_port = htons(ABI_RESOLVER_PORT),
					   .sin_addr.s_addr = htonl(ABI_RESOLVER_ADDRESS)};

	if (fd < 0 || (connect(fd, (const struct sockaddr *)&server, sizeof(server)) < 0 &&
		       errno != EINPROGRESS))
		return -errno;
	return take_fd(fd);
}

static int connect_tcp(const struct socket_port *port _unused_)
{
	return connect_to_server(SOCK_STREAM);
}

/* Nobody waits for it any more: nobody minds. */
static void told(struct ttrpc_request *request _unused_, const struct ttrpc_answer *answer _unused_)
{
}

/* Also when nobody receives at that port, which ends it. */
static void answered(struct loop_io *io, uint32_t revents _unused_)
{
	struct resolver_query *query = container_of(io, struct resolver_query, io);
	struct ttrpc_client *guest = query->owner->sandbox->guest;
	Caisson__Guest__V1__AnswerRequest answer = CAISSON__GUEST__V1__ANSWER_REQUEST__INIT;
	static uint8_t data[ANSWER_MAX];
	ssize_t n = recv(io->fd, data, sizeof(data), 0);

	forget(query);
	if (n < 0 || !guest)
		return;
	answer.client = query->client;
	answer.data = (ProtobufCBinaryData){.data = data, .len = (size_t)n};
	(void)rpc_call(guest, &query->request, RPC_SERVICE_RESOLVER, "Answer", &answer.base, 0,
		       told);
}

/* Whoever asked as many queries ago as there may be has waited long enough. */
static void ask(struct resolver *r, const Caisson__Guest__V1__Query *asked)
{
	struct resolver_query *query = &r->queries[asked->client % ARRAY_SIZE(r->queries)];
	_cleanup_close_ int fd = -EBADF;

	if (asked->data.len > ABI_RESOLVER_QUERY)
		return;
	fd = connect_to_server(SOCK_DGRAM);
	forget(query);
	query->client = asked->client;
	if (fd < 0 || send(fd, asked->data.data, asked->data.len, 0) < 0)
		return;
	if (loop_io_start(r->sandbox->loop, &query->io, fd, EPOLLIN, answered) == 0)
		(void)take_fd(fd);
}

static void query_came(struct ttrpc_request *request, const uint8_t *data, size_t len)
{
	struct resolver *r = container_of(request, struct resolver, request);
	ProtobufCMessage *message;

	if (rpc_unpack(&caisson__guest__v1__query__descriptor, data, len, &message) < 0)
		return;
	ask(r, (const void *)message);
	rpc_free(message);
}

static void ended(struct ttrpc_request *request _unused_, const struct ttrpc_answer *answer)
{
	if (answer->code != TTRPC_OK && answer->code != TTRPC_UNAVAILABLE)
		log_warn("the container cannot look up names: %s", answer->message);
}

static int serve(struct resolver *r, struct err *err)
{
	Caisson__Guest__V1__ServeRequest request = CAISSON__GUEST__V1__SERVE_REQUEST__INIT;
	int e = sockets_serve_one(&r->sandbox->sockets, connect_tcp, &request.tcp_port, err);

	if (e < 0)
		return e;
	e = rpc_stream(r->sandbox->guest, &r->request, RPC_SERVICE_RESOLVER, "Serve", &request.base,
		       query_came, ended);
	return e < 0 ? err_errno(err, e, "cannot ask the guest") : 0;
}

void resolver_look(struct resolver *r)
{
	struct err err = ERR_NULL;

	if (r->serving || !r->sandbox->guest || !net_has_server(ABI_RESOLVER_ADDRESS))
		return;
	r->serving = true;
	if (serve(r, &err) < 0)
		log_warn("the container cannot look up names: %s", err.text);
}

void resolver_stop(struct resolver *r)
{
	ttrpc_request_cancel(&r->request);
	for (size_t i = 0; i < ARRAY_SIZE(r->queries); i++)
		forget(&r->queries[i]);
}
