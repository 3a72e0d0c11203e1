/* SPDX-License-Identifier: Apache-2.0 */
/* In a network namespace of our own with a server as Docker's; the guest is in the same loop. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "empty.pb-c.h"
#include "net/test-netns.h"
#include "resolver.pb-c.h"
#include "rpc/rpc.h"
#include "sandbox/sandbox.h"

#define DOCKER "127.0.0.11"

static struct loop loop;
static struct sandbox sandbox;
static struct sandbox_spec spec;
static struct ttrpc_service services[2];
static struct ttrpc_server *guest;
static struct ttrpc_call *call;
static uint32_t tcp_port, client;
static char answer[64];
static int udp, tcp, listener, answers;

static void take(struct ttrpc_call *c, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__AnswerRequest *request = (const void *)message;

	answers++;
	client = request->client;
	(void)snprintf(answer, sizeof(answer), "%.*s", (int)request->data.len,
		       (const char *)request->data.data);
	rpc_reply_empty(c);
	loop_quit(&loop, 0);
}

static void forget(struct ttrpc_call *c _unused_)
{
	call = NULL;
}

static void serve(struct ttrpc_call *c, const ProtobufCMessage *message)
{
	tcp_port = ((const Caisson__Guest__V1__ServeRequest *)message)->tcp_port;
	c->cancelled = forget;
	call = c;
	loop_quit(&loop, 0);
}

static const struct ttrpc_method methods[] = {
	RPC_STREAM("Serve", caisson__guest__v1__serve_request, caisson__guest__v1__query, serve),
	RPC_METHOD("Answer", caisson__guest__v1__answer_request, google__protobuf__empty, take),
	{.name = NULL},
};

static int bound(int type, const char *ip)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};

	test_int(inet_pton(AF_INET, ip, &at.sin_addr), 1);
	test_int(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Stands for the vsock port: a unix socket without a name. */
static int listen_for_guest(struct sandbox *sb _unused_, uint32_t port, uint32_t *ret_port,
			    struct err *err _unused_)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	test_int(bind(listener, (struct sockaddr *)&sun, sizeof(sa_family_t)), 0);
	test_int(listen(listener, 4), 0);
	*ret_port = port;
	return listener;
}

static void begin(void)
{
	struct err err = ERR_NULL;
	int fds[2];

	fd_close(netns_new());
	run("ip link set lo up");
	tcp_port = client = 0;
	answers = 0;
	test_int(loop_init(&loop), 0);
	sandbox = (struct sandbox){.loop = &loop, .spec = &spec, .address.hybrid_path = "x"};
	sockets_init(&sandbox.sockets, &sandbox);
	test_int(sockets_serve(&sandbox.sockets, listen_for_guest, &err), 0);
	resolver_init(&sandbox.resolver, &sandbox);
	services[0] = (struct ttrpc_service){.name = RPC_SERVICE_RESOLVER, .methods = methods};
	test_int(ttrpc_server_new(&loop, services, 1, &guest), 0);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	test_int(ttrpc_server_add(guest, fds[0]), 0);
	test_int(ttrpc_client_new(&loop, fds[1], NULL, NULL, &sandbox.guest), 0);
}

/* With Docker's server. */
static void begin_serving(void)
{
	begin();
	udp = bound(SOCK_DGRAM, DOCKER);
	tcp = bound(SOCK_STREAM, DOCKER);
	test_int(listen(tcp, 4), 0);
	resolver_look(&sandbox.resolver);
	test_int(loop_run(&loop), 0);
	test_true(call && tcp_port != 0);
}

static void end(void)
{
	sockets_stop(&sandbox.sockets);
	resolver_stop(&sandbox.resolver);
	ttrpc_client_free(sandbox.guest);
	ttrpc_server_free(guest);
	loop_deinit(&loop);
	udp = fd_close(udp);
	tcp = fd_close(tcp);
}

static void ask(uint32_t number, const char *text)
{
	Caisson__Guest__V1__Query query = CAISSON__GUEST__V1__QUERY__INIT;

	query.client = number;
	query.data = (ProtobufCBinaryData){.data = (uint8_t *)text, .len = strlen(text)};
	test_int(rpc_send(call, &query.base), 0);
}

static void readable(struct loop_io *io, uint32_t revents _unused_)
{
	loop_quit(io->loop, 0);
}

static void await(int fd)
{
	struct loop_io io = LOOP_IO_NULL;

	test_int(loop_io_start(&loop, &io, fd, EPOLLIN, readable), 0);
	test_int(loop_run(&loop), 0);
	loop_io_stop(&io);
}

/* The server gets a query. Return: whose it is */
static struct sockaddr_in query_comes(const char *want)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char text[64];
	ssize_t n;

	await(udp);
	n = recvfrom(udp, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &len);
	test_true(n >= 0);
	text[n] = '\0';
	test_str(text, want);
	return from;
}

static void reply(const struct sockaddr_in *to, const char *text)
{
	test_int(sendto(udp, text, strlen(text), 0, (const struct sockaddr *)to, sizeof(*to)),
		 strlen(text));
}

static void answers_go_to_who_asked(void)
{
	struct sockaddr_in first, second;

	begin_serving();
	ask(5, "who?");
	first = query_comes("who?");
	ask(6, "where?");
	second = query_comes("where?");
	reply(&second, "there");
	test_int(loop_run(&loop), 0);
	test_int(client, 6);
	test_str(answer, "there");
	reply(&first, "me");
	test_int(loop_run(&loop), 0);
	test_int(client, 5);
	test_str(answer, "me");
	end();
}

/* Nobody waits for more of them: neither sockets nor answers pile up. */
static void of_too_many_the_oldest_is_forgotten(void)
{
	struct sockaddr_in first, last;

	begin_serving();
	ask(0, "first");
	first = query_comes("first");
	ask(ABI_RESOLVER_CLIENTS, "last");
	last = query_comes("last");
	reply(&first, "late");
	reply(&last, "in time");
	test_int(loop_run(&loop), 0);
	test_int(client, ABI_RESOLVER_CLIENTS);
	test_str(answer, "in time");
	test_int(answers, 1);
	end();
}

static void one_that_is_too_large_is_dropped(void)
{
	static char text[ABI_RESOLVER_QUERY + 2];

	memset(text, 'x', sizeof(text) - 1);
	begin_serving();
	ask(0, text);
	ask(1, "who?");
	(void)query_comes("who?");
	end();
}

static void ponged(struct ttrpc_request *req _unused_, const struct ttrpc_answer *a)
{
	test_int(a->code, TTRPC_UNIMPLEMENTED);
	loop_quit(&loop, 0);
}

/* All that the guest has sent so far has been taken. */
static void ping(void)
{
	struct ttrpc_request request;

	ttrpc_request_init(&request);
	test_int(ttrpc_client_call(sandbox.guest, &request, "Ping", "Ping", NULL, 0, 0, ponged), 0);
	test_int(loop_run(&loop), 0);
}

static void a_server_that_has_gone_is_survived(void)
{
	struct sockaddr_in asker;

	begin_serving();
	udp = fd_close(udp);
	ask(1, "anybody?");
	ping();
	udp = bound(SOCK_DGRAM, DOCKER);
	ask(2, "who?");
	asker = query_comes("who?");
	reply(&asker, "me");
	test_int(loop_run(&loop), 0);
	test_int(client, 2);
	test_int(sandbox.resolver.queries[1].io.fd, -EBADF);
	end();
}

static void tcp_is_passed_on(void)
{
	struct sockaddr_un sun;
	socklen_t len = sizeof(sun);
	_cleanup_close_ int from = -EBADF, to = -EBADF;
	char text[8];

	begin_serving();
	from = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	test_int(getsockname(listener, (struct sockaddr *)&sun, &len), 0);
	test_int(connect(from, (struct sockaddr *)&sun, len), 0);
	await(tcp);
	to = accept4(tcp, NULL, NULL, SOCK_CLOEXEC);
	test_int(write(from, "who?", 4), 4);
	await(to);
	test_int(read(to, text, sizeof(text)), 4);
	test_mem(text, "who?", 4);
	end();
}

/* Others may listen at other addresses. */
static void without_a_server_nothing_is_asked(void)
{
	begin();
	resolver_look(&sandbox.resolver);
	udp = bound(SOCK_DGRAM, "127.0.0.1");
	tcp = bound(SOCK_STREAM, DOCKER);
	resolver_look(&sandbox.resolver);
	test_true(!sandbox.resolver.serving);
	end();
}

/* The guest's table of them has no more. */
static void sockets_are_limited(void)
{
	struct err err = ERR_NULL;

	for (int i = 0; i <= ABI_MOUNTS_MAX; i++)
		strv_addf(&spec.volumes, "socket:/run/%d", i);
	sandbox = (struct sandbox){.loop = &loop, .spec = &spec};
	test_int(loop_init(&loop), 0);
	sockets_init(&sandbox.sockets, &sandbox);
	test_int(sockets_serve(&sandbox.sockets, listen_for_guest, &err), -ENOSPC);
	test_str(err.text, "/run/64 is a socket of the host, of which a VM may have 64 at most");
	sockets_stop(&sandbox.sockets);
	loop_deinit(&loop);
	strv_done(&spec.volumes);
}

static void it_is_asked_once(void)
{
	begin_serving();
	resolver_look(&sandbox.resolver);
	test_int(sandbox.sockets.n, 1);
	end();
}

int main(void)
{
	int r = netns_tests();

	if (r != 0)
		return r;
	test_run(answers_go_to_who_asked);
	test_run(of_too_many_the_oldest_is_forgotten);
	test_run(one_that_is_too_large_is_dropped);
	test_run(a_server_that_has_gone_is_survived);
	test_run(tcp_is_passed_on);
	test_run(without_a_server_nothing_is_asked);
	test_run(it_is_asked_once);
	test_run(sockets_are_limited);
	return 0;
}
