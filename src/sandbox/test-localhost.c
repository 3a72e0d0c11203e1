/* SPDX-License-Identifier: Apache-2.0 */
/* In a network namespace of our own; the guest is in the same loop. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/unix.h"
#include "loop/test-clock.h"
#include "net/test-netns.h"
#include "sandbox/sandbox.h"
#include "sandbox/test-guest.h"

#define REFUSED "\0\0\0\7refused"

static char folder[] = "/tmp/test-localhost-XXXXXX";
static struct loop loop;
static struct sandbox sandbox;
static struct test_guest guest;

static void begin(void)
{
	fd_close(netns_new());
	run("ip link set lo up");
	test_int(loop_init(&loop), 0);
	test_guest_start(&guest, &loop, folder);
	sandbox = (struct sandbox){.loop = &loop, .address = guest.address};
	standby_init(&sandbox.standby, &sandbox);
	localhost_init(&sandbox.localhost, &sandbox);
	localhost_start(&sandbox.localhost);
	test_true(sandbox.localhost.loopback.fd >= 0);
}

static void end(void)
{
	localhost_stop(&sandbox.localhost);
	localhost_stop(&sandbox.localhost);
	test_int(sandbox.standby.users, 0);
	test_guest_stop(&guest);
	loop_deinit(&loop);
}

static void refuse_all(void)
{
	guest.greeting = REFUSED;
	guest.greeting_len = sizeof(REFUSED) - 1;
}

static int client_at(uint16_t port, bool six)
{
	const struct sockaddr_in four = {.sin_family = AF_INET,
					 .sin_port = htons(port),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6,
					  .sin6_port = htons(port),
					  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	test_int(connect(fd, six ? (const void *)&sin6 : &four, six ? sizeof(sin6) : sizeof(four)),
		 0);
	return fd;
}

static int client_of(bool six)
{
	return client_at(8080, six);
}

static struct test_peer *await_guest(const char *id)
{
	struct test_peer *peer;

	run_until(&loop, (peer = test_guest_stream(&guest, id)));
	test_str(peer->line, id);
	return peer;
}

static void readable(struct loop_io *io, uint32_t revents _unused_)
{
	loop_quit(io->loop, 0);
}

/* Return: what read(2) gives, once there is something. */
static ssize_t await(int fd, void *buf, size_t size)
{
	struct loop_io io = LOOP_IO_NULL;

	test_int(loop_io_start(&loop, &io, fd, EPOLLIN, readable), 0);
	while (recv(fd, buf, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN)
		test_int(loop_run(&loop), 0);
	loop_io_stop(&io);
	return recv(fd, buf, size, MSG_DONTWAIT);
}

static void await_hangup(int fd)
{
	struct loop_io io = LOOP_IO_NULL;

	test_int(loop_io_start(&loop, &io, fd, 0, readable), 0);
	test_int(loop_run(&loop), 0);
	loop_io_stop(&io);
}

static void says(int to, int from, const char *text)
{
	char buf[64];

	test_int(send(to, text, strlen(text), MSG_NOSIGNAL), (long long)strlen(text));
	test_int(await(from, buf, sizeof(buf)), (long long)strlen(text));
	test_mem(buf, text, strlen(text));
}

static void is_reset(int client)
{
	char c;

	(void)await(client, &c, 1);
	/* After a mere end it could be said. */
	test_int(send(client, "x", 1, MSG_NOSIGNAL), -1);
}

static void both_ways_and_their_ends(void)
{
	for (int six = 0; six < 2; six++) {
		struct test_peer *peer;
		int client;
		char c;

		begin();
		client = client_of(six);
		peer = await_guest(six ? "tcp6:8080" : "tcp4:8080");
		says(client, peer->fd, "question");
		test_int(shutdown(client, SHUT_WR), 0);
		test_int(await(peer->fd, &c, 1), 0);
		says(peer->fd, client, "answer");
		test_peer_close(peer);
		test_int(await(client, &c, 1), 0);
		fd_close(client);
		for (size_t i = 0; i < LOCALHOST_CONNS_MAX; i++)
			test_true(!sandbox.localhost.conns[i]);
		end();
	}
}

static void the_other_family_is_tried(void)
{
	struct test_peer *peer;
	int client;

	begin();
	refuse_all();
	client = client_of(true);
	(void)await_guest("tcp6:8080");
	guest.greeting = NULL;
	peer = await_guest("tcp4:8080");
	says(peer->fd, client, "hello");
	fd_close(client);
	end();
}

static void refused_is_refused(void)
{
	int client;

	begin();
	refuse_all();
	client = client_of(false);
	is_reset(client);
	test_int(guest.n, 2);
	fd_close(client);
	end();
}

static void a_guest_that_is_not_there(void)
{
	int client;

	begin();
	guest.answer = "";
	client = client_of(false);
	is_reset(client);
	test_int(guest.n, 1);
	fd_close(client);
	end();
}

static void a_guest_that_never_answers(void)
{
	int client;

	begin();
	loop.now = test_clock;
	guest.greeting = REFUSED;
	guest.greeting_len = 1;
	client = client_of(false);
	(void)await_guest("tcp4:8080");
	(void)test_pass(&loop, 29 * NSEC_PER_SEC);
	test_int(sandbox.standby.users, 1);
	(void)test_pass(&loop, 2 * NSEC_PER_SEC);
	is_reset(client);
	fd_close(client);
	end();
}

static void who_else_listens_comes_first(void)
{
	const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(8080)};
	int other, client, theirs;

	begin();
	other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	test_int(bind(other, (const struct sockaddr *)&at, sizeof(at)), 0);
	test_int(listen(other, 4), 0);
	client = client_of(false);
	theirs = -1;
	while (theirs < 0) {
		struct loop_io io = LOOP_IO_NULL;

		test_int(loop_io_start(&loop, &io, other, EPOLLIN, readable), 0);
		test_int(loop_run(&loop), 0);
		loop_io_stop(&io);
		theirs = accept4(other, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	says(client, theirs, "question");
	says(theirs, client, "answer");
	test_int(guest.n, 0);
	fd_close(theirs);
	fd_close(client);
	fd_close(other);
	end();
}

/* A port that somebody has, but listens at no more. */
static void who_does_not_listen_is_passed_by(void)
{
	const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(8080)};
	int other, client;

	begin();
	other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	test_int(bind(other, (const struct sockaddr *)&at, sizeof(at)), 0);
	client = client_of(false);
	says(client, await_guest("tcp4:8080")->fd, "hello");
	fd_close(client);
	fd_close(other);
	end();
}

/* Without the right to be bound to a port nobody knows whose it is. */
static void in_doubt_it_is_refused(void)
{
	int client;

	begin();
	test_int(chmod(folder, 0711), 0);
	test_int(chmod(guest.path, 0666), 0);
	client = client_at(80, false);
	test_int(seteuid(65534), 0);
	is_reset(client);
	test_int(seteuid(0), 0);
	test_int(guest.n, 0);
	fd_close(client);
	end();
}

/* Many clients of a guest that never answers. */
static void connect_many(int *clients, size_t n, uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		clients[i] = client_at((uint16_t)(port + i / LOCALHOST_PORT_MAX), false);
}

static void close_all(int *clients, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fd_close(clients[i]);
}

static void is_waiting(int client)
{
	char c;

	test_int(recv(client, &c, 1, MSG_DONTWAIT), -1);
	test_int(errno, EAGAIN);
}

static void there_is_an_end_to_them(void)
{
	int clients[LOCALHOST_CONNS_MAX + 1], deaf;
	char *path = path_join(folder, "deaf");

	begin();
	deaf = unix_listen(path);
	sandbox.address.hybrid_path = path;
	connect_many(clients, ARRAY_SIZE(clients), 8080);
	is_reset(clients[LOCALHOST_CONNS_MAX]);
	is_waiting(clients[0]);
	end();
	close_all(clients, ARRAY_SIZE(clients));
	fd_close(deaf);
	test_int(unlink(path), 0);
	free(path);
}

/* Other ports are other containers'. */
static void one_port_does_not_have_all(void)
{
	int clients[LOCALHOST_PORT_MAX], one_more, other, deaf;
	char *path = path_join(folder, "deaf");

	begin();
	deaf = unix_listen(path);
	sandbox.address.hybrid_path = path;
	connect_many(clients, ARRAY_SIZE(clients), 8080);
	one_more = client_at(8080, false);
	is_reset(one_more);
	sandbox.address = guest.address;
	other = client_at(8081, false);
	says(other, await_guest("tcp4:8081")->fd, "hello");
	is_waiting(clients[0]);
	end();
	close_all(clients, ARRAY_SIZE(clients));
	fd_close(one_more);
	fd_close(other);
	fd_close(deaf);
	test_int(unlink(path), 0);
	free(path);
}

/* Return: a client whose connection the guest has taken, and does not end. */
static int client_taken(bool six, struct test_peer **ret)
{
	int client = client_of(six);

	*ret = await_guest(six ? "tcp6:8080" : "tcp4:8080");
	says(client, (*ret)->fd, "hello");
	return client;
}

/* It is the guest alone that would hold the place then. */
static void who_has_gone_makes_room(void)
{
	int gone, stays, clients[LOCALHOST_PORT_MAX - 1], deaf;
	char *path = path_join(folder, "deaf"), c;
	struct test_peer *held, *kept;

	begin();
	stays = client_taken(false, &kept);
	gone = client_taken(true, &held);
	fd_close(gone);
	test_int(await(held->fd, &c, 1), 0);
	deaf = unix_listen(path);
	sandbox.address.hybrid_path = path;
	connect_many(clients, ARRAY_SIZE(clients), 8080);
	await_hangup(held->fd);
	test_int(send(held->fd, "x", 1, MSG_NOSIGNAL), -1);
	says(stays, kept->fd, "again");
	is_waiting(clients[LOCALHOST_PORT_MAX - 2]);
	end();
	close_all(clients, ARRAY_SIZE(clients));
	fd_close(stays);
	fd_close(deaf);
	test_int(unlink(path), 0);
	free(path);
}

static void it_ends_with_the_vm(void)
{
	struct test_peer *peer;
	int client;
	char c;

	begin();
	client = client_of(false);
	peer = await_guest("tcp4:8080");
	says(client, peer->fd, "hello");
	localhost_stop(&sandbox.localhost);
	test_int(recv(client, &c, 1, 0), 0);
	test_int(recv(peer->fd, &c, 1, 0), 0);
	fd_close(client);
	end();
}

int main(void)
{
	if (netns_tests() == TEST_SKIPPED)
		return TEST_SKIPPED;
	test_true(mkdtemp(folder));
	test_run(both_ways_and_their_ends);
	test_run(the_other_family_is_tried);
	test_run(refused_is_refused);
	test_run(a_guest_that_is_not_there);
	test_run(a_guest_that_never_answers);
	test_run(who_else_listens_comes_first);
	test_run(who_does_not_listen_is_passed_by);
	test_run(in_doubt_it_is_refused);
	test_run(there_is_an_end_to_them);
	test_run(one_port_does_not_have_all);
	test_run(who_has_gone_makes_room);
	test_run(it_ends_with_the_vm);
	test_int(rmdir(folder), 0);
	return 0;
}
