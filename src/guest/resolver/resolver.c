/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/resolver/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "empty.pb-c.h"
#include "guest/resolver/redirect.h"
#include "guest/sockets/door.h"
#include "resolver.pb-c.h"
#include "rpc/rpc.h"

#define BACKLOG	   128
#define PORT_TRIES 8

/* @number: what the host knows it by */
struct client {
	uint32_t number;
	struct sockaddr_in address;
};

/**
 * struct resolver - what answers in the place of the host's
 * @call: NULL: nobody does
 * @io: UDP
 * @asked: queries so far
 */
static struct resolver {
	struct loop *loop;
	const struct cgroups *cgroups;
	struct ttrpc_call *call;
	struct loop_io io;
	struct door tcp;
	struct redirect redirect;
	uint32_t asked;
	struct client clients[ABI_RESOLVER_CLIENTS];
} resolver;

static void close_all(void)
{
	int udp = resolver.io.fd;

	redirect_stop(&resolver.redirect);
	loop_io_stop(&resolver.io);
	fd_close(udp);
	door_close(&resolver.tcp);
}

static void asked(struct loop_io *io, uint32_t revents _unused_)
{
	Caisson__Guest__V1__Query query = CAISSON__GUEST__V1__QUERY__INIT;
	struct client *client = &resolver.clients[resolver.asked % ABI_RESOLVER_CLIENTS];
	socklen_t len = sizeof(client->address);
	uint8_t data[ABI_RESOLVER_QUERY];
	ssize_t n = recvfrom(io->fd, data, sizeof(data), MSG_TRUNC,
			     (struct sockaddr *)&client->address, &len);

	client->number = resolver.asked++;
	if (n < 0 || (size_t)n > sizeof(data))
		return;
	query.client = client->number;
	query.data = (ProtobufCBinaryData){.data = data, .len = (size_t)n};
	/* What the host has no room for is lost, as datagrams may be. */
	(void)rpc_send(resolver.call, &query.base);
}

static void answer(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__AnswerRequest *from = (const void *)message;
	const struct client *client = &resolver.clients[from->client % ABI_RESOLVER_CLIENTS];

	if (!resolver.call || resolver.asked == 0 || client->number != from->client) {
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "client %u waits for no answer",
				from->client);
		return;
	}
	/* What the client does not read in time is lost, as datagrams may be. */
	(void)sendto(resolver.io.fd, from->data.data, from->data.len, MSG_DONTWAIT,
		     (const struct sockaddr *)&client->address, sizeof(client->address));
	rpc_reply_empty(call);
}

static int bind_to(int type, struct sockaddr_in *address)
{
	_cleanup_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*address);

	if (fd < 0 || bind(fd, (struct sockaddr *)address, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &len) < 0 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
		return -errno;
	return take_fd(fd);
}

/* Two sockets that have the same port, which nobody else had. */
static int bind_both(int *ret_udp, int *ret_tcp, struct sockaddr_in *ret)
{
	int r = -EADDRINUSE;

	for (int i = 0; r == -EADDRINUSE && i < PORT_TRIES; i++) {
		_cleanup_close_ int udp = -EBADF;

		*ret = (struct sockaddr_in){.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(ABI_RESOLVER_ADDRESS)};
		udp = bind_to(SOCK_DGRAM, ret);
		if (udp < 0)
			return udp;
		r = bind_to(SOCK_STREAM, ret);
		if (r >= 0)
			*ret_udp = take_fd(udp);
	}
	*ret_tcp = r;
	return MIN(r, 0);
}

static int start(uint32_t tcp_port)
{
	_cleanup_close_ int udp = -EBADF, tcp = -EBADF;
	struct sockaddr_in address;
	int r = bind_both(&udp, &tcp, &address);

	if (r == 0)
		r = redirect_start(&resolver.redirect, resolver.cgroups->root, udp,
				   address.sin_addr.s_addr, htons(ABI_RESOLVER_PORT),
				   address.sin_port);
	if (r == 0)
		r = door_open(&resolver.tcp, resolver.loop, tcp, tcp_port);
	if (r < 0)
		return r;
	(void)take_fd(tcp);
	r = loop_io_start(resolver.loop, &resolver.io, udp, EPOLLIN, asked);
	if (r == 0)
		(void)take_fd(udp);
	return r;
}

static void cancelled(struct ttrpc_call *call _unused_)
{
	close_all();
	resolver.call = NULL;
}

static void serve(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__ServeRequest *request = (const void *)message;
	int r;

	if (resolver.call) {
		ttrpc_call_fail(call, TTRPC_ALREADY_EXISTS, "queries are served already");
		return;
	}
	resolver.asked = 0;
	r = start(request->tcp_port);
	if (r < 0) {
		close_all();
		ttrpc_call_fail(call, ttrpc_code_or(r, TTRPC_FAILED_PRECONDITION),
				"cannot serve queries: %s", strerror(-r));
		return;
	}
	resolver.call = call;
	call->cancelled = cancelled;
}

static const struct ttrpc_method methods[] = {
	RPC_STREAM("Serve", caisson__guest__v1__serve_request, caisson__guest__v1__query, serve),
	RPC_METHOD("Answer", caisson__guest__v1__answer_request, google__protobuf__empty, answer),
	{.name = NULL},
};

struct ttrpc_service resolver_service(struct loop *loop, const struct cgroups *cgroups)
{
	resolver = (struct resolver){.loop = loop,
				     .cgroups = cgroups,
				     .io = LOOP_IO_NULL,
				     .tcp = DOOR_NULL(resolver.tcp),
				     .redirect = REDIRECT_NULL};
	return (struct ttrpc_service){.name = RPC_SERVICE_RESOLVER, .methods = methods};
}
