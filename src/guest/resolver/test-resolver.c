/* SPDX-License-Identifier: Apache-2.0 */
/* In a network namespace of our own; the host is a client at the other end of a socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/test.h"
#include "guest/resolver/resolver.h"
#include "resolver.pb-c.h"
#include "rpc/rpc.h"

static struct loop loop;
static struct cgroups cgroups = CGROUPS_NULL;
static struct ttrpc_service services[2];
static struct ttrpc_server *server;
static struct ttrpc_client *host;
static struct ttrpc_request request;
static bool ended;
static enum ttrpc_code code;
static uint32_t client;
static char question[64];
static int questions;

static void asked(struct ttrpc_request *req _unused_, const uint8_t *data, size_t len)
{
	ProtobufCMessage *message;
	const Caisson__Guest__V1__Query *query;

	test_int(rpc_unpack(&caisson__guest__v1__query__descriptor, data, len, &message), 0);
	query = (const void *)message;
	client = query->client;
	test_true(query->data.len < sizeof(question));
	memcpy(question, query->data.data, query->data.len);
	question[query->data.len] = '\0';
	rpc_free(message);
	questions++;
	loop_quit(&loop, 0);
}

static void done(struct ttrpc_request *req _unused_, const struct ttrpc_answer *answer)
{
	ended = true;
	code = answer->code;
	loop_quit(&loop, 0);
}

static void taken(struct ttrpc_request *req _unused_, const struct ttrpc_answer *answer)
{
	code = answer->code;
	loop_quit(&loop, 0);
}

/* Return: what the guest says. */
static enum ttrpc_code put(uint32_t to, const char *text)
{
	Caisson__Guest__V1__AnswerRequest answer = CAISSON__GUEST__V1__ANSWER_REQUEST__INIT;
	struct ttrpc_request putting;

	ttrpc_request_init(&putting);
	answer.client = to;
	answer.data = (ProtobufCBinaryData){.data = (uint8_t *)text, .len = strlen(text)};
	test_int(rpc_call(host, &putting, RPC_SERVICE_RESOLVER, "Answer", &answer.base, 0, taken),
		 0);
	test_int(loop_run(&loop), 0);
	return code;
}

static void lo_up(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	test_int(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
}

static void begin_serving(void)
{
	Caisson__Guest__V1__ServeRequest serve = CAISSON__GUEST__V1__SERVE_REQUEST__INIT;
	int fds[2];

	test_int(unshare(CLONE_NEWNET), 0);
	lo_up();
	test_int(loop_init(&loop), 0);
	services[0] = resolver_service(&loop, &cgroups);
	test_int(ttrpc_server_new(&loop, services, 1, &server), 0);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	test_int(ttrpc_server_add(server, fds[0]), 0);
	test_int(ttrpc_client_new(&loop, fds[1], NULL, NULL, &host), 0);
	ttrpc_request_init(&request);
	ended = false;
	questions = 0;
	serve.tcp_port = 7;
	test_int(
		rpc_stream(host, &request, RPC_SERVICE_RESOLVER, "Serve", &serve.base, asked, done),
		0);
}

/* It serves when this, which nobody waits for, has been answered. */
static void begin(void)
{
	begin_serving();
	test_int(put(0, ""), TTRPC_NOT_FOUND);
	test_true(!ended);
}

static void end(void)
{
	ttrpc_client_free(host);
	ttrpc_server_free(server);
	loop_deinit(&loop);
}

static struct sockaddr_in address(uint32_t ip, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip), .sin_port = htons(port)};
}

static int udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	test_true(fd >= 0);
	return fd;
}

static void send_question(int fd, const char *text, uint32_t ip)
{
	struct sockaddr_in to = address(ip, 53);

	test_int(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)),
		 strlen(text));
}

static void await_question(const char *text)
{
	int before = questions;

	while (questions == before) {
		test_true(!ended);
		test_int(loop_run(&loop), 0);
	}
	test_str(question, text);
}

static void readable(struct loop_io *io, uint32_t revents _unused_)
{
	loop_quit(io->loop, 0);
}

/* Return: "text from address:port" */
static const char *receive(int fd)
{
	static char line[128];
	struct loop_io io = LOOP_IO_NULL;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char text[64];
	ssize_t n;

	test_int(loop_io_start(&loop, &io, fd, EPOLLIN, readable), 0);
	while ((n = recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &len)) < 0) {
		test_int(errno, EAGAIN);
		test_int(loop_run(&loop), 0);
	}
	loop_io_stop(&io);
	(void)snprintf(line, sizeof(line), "%.*s from %s:%d", (int)n, text,
		       inet_ntoa(from.sin_addr), ntohs(from.sin_port));
	return line;
}

static void a_query_gets_its_answer(void)
{
	_cleanup_close_ int a = -EBADF, b = -EBADF;
	uint32_t a_client;

	begin();
	a = udp();
	b = udp();
	send_question(a, "who?", ABI_RESOLVER_ADDRESS);
	await_question("who?");
	a_client = client;
	send_question(b, "where?", ABI_RESOLVER_ADDRESS);
	await_question("where?");
	(void)put(client, "there");
	(void)put(a_client, "me");
	test_str(receive(b), "there from 127.0.0.11:53");
	test_str(receive(a), "me from 127.0.0.11:53");
	end();
}

/* As the resolver of glibc asks; it would not take an answer from elsewhere. */
static void a_connected_socket_gets_its_answer(void)
{
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_in to = address(ABI_RESOLVER_ADDRESS, 53), peer;
	socklen_t len = sizeof(peer);

	begin();
	fd = udp();
	test_int(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	test_int(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
	test_int(ntohs(peer.sin_port), 53);
	test_int(send(fd, "who?", 4, 0), 4);
	await_question("who?");
	(void)put(client, "me");
	test_str(receive(fd), "me from 127.0.0.11:53");
	end();
}

static void the_port_stays_free(void)
{
	_cleanup_close_ int a = -EBADF, mine = -EBADF;
	struct sockaddr_in any = address(INADDR_ANY, 53);

	begin();
	a = udp();
	mine = udp();
	test_int(bind(mine, (struct sockaddr *)&any, sizeof(any)), 0);
	send_question(a, "mine", INADDR_LOOPBACK);
	test_true(strncmp(receive(mine), "mine from 127.0.0.1:", 20) == 0);
	send_question(a, "who?", ABI_RESOLVER_ADDRESS);
	await_question("who?");
	end();
}

/* Docker in a container has a resolver of its own for each of its containers. */
static void other_namespaces_are_left_alone(void)
{
	_cleanup_close_ int a = -EBADF, theirs = -EBADF;
	struct sockaddr_in at = address(ABI_RESOLVER_ADDRESS, 53);

	begin();
	test_int(unshare(CLONE_NEWNET), 0);
	lo_up();
	a = udp();
	theirs = udp();
	test_int(bind(theirs, (struct sockaddr *)&at, sizeof(at)), 0);
	send_question(a, "theirs", ABI_RESOLVER_ADDRESS);
	test_true(strncmp(receive(theirs), "theirs from 127.0.0", 19) == 0);
	test_int(questions, 0);
	end();
}

/* Of so many only the last ones are known; an answer to the first would reach somebody else. */
static void late_answers_reach_nobody(void)
{
	_cleanup_close_ int a = -EBADF;
	char text[16];

	begin();
	a = udp();
	for (int i = 0; i <= ABI_RESOLVER_CLIENTS; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		send_question(a, text, ABI_RESOLVER_ADDRESS);
		await_question(text);
		test_int(client, i);
	}
	test_int(put(0, "late"), TTRPC_NOT_FOUND);
	test_int(put(UINT32_MAX, "never asked"), TTRPC_NOT_FOUND);
	test_int(put(1, "in time"), TTRPC_OK);
	test_str(receive(a), "in time from 127.0.0.11:53");
	end();
}

static void what_is_no_query_is_dropped(void)
{
	static char large[5000];
	_cleanup_close_ int a = -EBADF;
	struct sockaddr_in to = address(ABI_RESOLVER_ADDRESS, 53);

	begin();
	a = udp();
	test_int(sendto(a, large, sizeof(large), 0, (struct sockaddr *)&to, sizeof(to)),
		 sizeof(large));
	send_question(a, "who?", ABI_RESOLVER_ADDRESS);
	await_question("who?");
	test_int(questions, 1);
	end();
}

static void gone(void *userdata _unused_, uint64_t conn _unused_, size_t left)
{
	test_int(left, 0);
	loop_quit(&loop, 0);
}

static void it_ends_with_the_host(void)
{
	_cleanup_close_ int fd = -EBADF;
	struct sockaddr_in to = address(ABI_RESOLVER_ADDRESS, 53);

	begin();
	ttrpc_server_on_conn_closed(server, gone, NULL);
	ttrpc_client_free(take_ptr(host));
	test_int(loop_run(&loop), 0);
	fd = udp();
	test_int(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	test_int(send(fd, "who?", 4, 0), 4);
	test_int(send(fd, "who?", 4, 0), -1);
	test_int(errno, ECONNREFUSED);
	end();
}

static void there_is_one_at_a_time(void)
{
	Caisson__Guest__V1__ServeRequest serve = CAISSON__GUEST__V1__SERVE_REQUEST__INIT;
	struct ttrpc_request second;
	_cleanup_close_ int a = -EBADF;

	begin();
	ttrpc_request_init(&second);
	test_int(
		rpc_stream(host, &second, RPC_SERVICE_RESOLVER, "Serve", &serve.base, asked, taken),
		0);
	test_int(loop_run(&loop), 0);
	test_int(code, TTRPC_ALREADY_EXISTS);
	a = udp();
	send_question(a, "who?", ABI_RESOLVER_ADDRESS);
	await_question("who?");
	end();
}

static void without_control_groups_it_fails(void)
{
	int root = cgroups.root;

	cgroups.root = -EBADF;
	begin_serving();
	while (!ended)
		test_int(loop_run(&loop), 0);
	test_int(code, TTRPC_FAILED_PRECONDITION);
	end();
	cgroups.root = root;
}

/* Of the machine's, wherever that is; what is attached to it concerns our namespace alone. */
static int open_cgroup2(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs st;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (statfs(places[i], &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC)
			return open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return -ENOENT;
}

int main(void)
{
	cgroups.root = geteuid() == 0 ? open_cgroup2() : -EPERM;
	if (cgroups.root < 0) {
		puts("this needs root, and control groups of version 2");
		return TEST_SKIPPED;
	}
	test_run(a_query_gets_its_answer);
	test_run(a_connected_socket_gets_its_answer);
	test_run(the_port_stays_free);
	test_run(other_namespaces_are_left_alone);
	test_run(late_answers_reach_nobody);
	test_run(what_is_no_query_is_dropped);
	test_run(it_ends_with_the_host);
	test_run(there_is_one_at_a_time);
	test_run(without_control_groups_it_fails);
	return 0;
}
