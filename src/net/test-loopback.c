/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loopback.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "net/test-netns.h"

#define PORT 8080

static struct net_loopback loopback = NET_LOOPBACK_NULL;

static struct net_loopback_peer address(const char *ip, uint16_t port)
{
	struct net_loopback_peer a = {.len = sizeof(a.address.six)};

	if (strchr(ip, ':')) {
		a.address.six =
			(struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
		test_int(inet_pton(AF_INET6, ip, &a.address.six.sin6_addr), 1);
		return a;
	}
	a.len = sizeof(a.address.four);
	a.address.four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	test_int(inet_pton(AF_INET, ip, &a.address.four.sin_addr), 1);
	return a;
}

static int new_socket(const struct net_loopback_peer *a)
{
	int fd = socket(a->address.six.sin6_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	test_true(fd >= 0);
	return fd;
}

/* Return: a socket, connected, or negative errno. */
static int connect_to(const char *ip, uint16_t port)
{
	struct net_loopback_peer a = address(ip, port);
	_cleanup_close_ int fd = new_socket(&a);

	return connect(fd, (struct sockaddr *)&a.address, a.len) < 0 ? -errno : take_fd(fd);
}

static int listen_at(const char *ip, uint16_t port)
{
	struct net_loopback_peer a = address(ip, port);
	int fd = new_socket(&a), on = 1;

	test_int(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	test_int(bind(fd, (struct sockaddr *)&a.address, a.len), 0);
	test_int(listen(fd, 8), 0);
	return fd;
}

static void begin(void)
{
	struct err err = ERR_NULL;

	fd_close(netns_new());
	run("ip link set lo up; ip addr add 10.0.0.1/24 dev lo");
	if (net_loopback_open(&loopback, &err) < 0)
		test_fail("%s", err.text);
}

/* What was accepted last, and what the client said it is connected to. */
static int taken(struct net_loopback_peer *peer)
{
	int fd = net_loopback_accept(&loopback, peer);

	test_true(fd >= 0);
	return fd;
}

static void nobody_came(void)
{
	struct net_loopback_peer peer;

	test_int(net_loopback_accept(&loopback, &peer), -EAGAIN);
}

static void whatever_the_port(void)
{
	static const uint16_t ports[] = {1, 22, PORT, 65535};
	struct net_loopback_peer peer;

	begin();
	for (size_t i = 0; i < 2 * ARRAY_SIZE(ports); i++) {
		bool six = i % 2;
		int client = connect_to(six ? "::1" : "127.0.0.1", ports[i / 2]), fd;
		char c;

		test_true(client >= 0);
		fd = taken(&peer);
		test_int(net_loopback_is_six(&peer), six);
		test_int(net_loopback_port(&peer), ports[i / 2]);
		test_int(send(fd, "x", 1, MSG_NOSIGNAL), 1);
		test_int(read(client, &c, 1), 1);
		fd_close(fd);
		fd_close(client);
	}
	net_loopback_close(&loopback);
}

static void no_other_address(void)
{
	static const char *const others[] = {"10.0.0.1", "127.0.0.2", "127.0.0.11"};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		test_int(connect_to(others[i], PORT), -ECONNREFUSED);
	nobody_came();
	net_loopback_close(&loopback);
}

/* The interface is set up later by some engines. */
static void lo_may_come_up_later(void)
{
	struct err err = ERR_NULL;
	struct net_loopback_peer peer;
	int client, fd;

	fd_close(netns_new());
	test_int(net_loopback_open(&loopback, &err), 0);
	run("ip link set lo up");
	for (int six = 0; six < 2; six++) {
		client = connect_to(six ? "::1" : "127.0.0.1", PORT);
		test_true(client >= 0);
		fd = taken(&peer);
		fd_close(fd);
		fd_close(client);
	}
	net_loopback_close(&loopback);
}

/* Whatever the namespace has. */
static void it_listens_at_no_other_address(void)
{
	static const char *const others[] = {"10.0.0.1", "127.0.0.2"};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		test_int(connect_to(others[i], ntohs(loopback.port)), -ECONNREFUSED);
	nobody_came();
	net_loopback_close(&loopback);
}

static void no_other_protocol(void)
{
	struct net_loopback_peer a = address("127.0.0.1", PORT);
	char c;
	int fd;

	begin();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	test_int(connect(fd, (struct sockaddr *)&a.address, a.len), 0);
	test_int(send(fd, "x", 1, 0), 1);
	test_int(recv(fd, &c, 1, 0), -1);
	test_int(errno, ECONNREFUSED);
	fd_close(fd);
	net_loopback_close(&loopback);
}

static void no_other_namespace(void)
{
	int first;

	begin();
	first = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	fd_close(netns_new());
	run("ip link set lo up");
	test_int(connect_to("127.0.0.1", PORT), -ECONNREFUSED);
	netns_enter(first);
	nobody_came();
	fd_close(first);
	net_loopback_close(&loopback);
}

static void all_is_as_before(void)
{
	begin();
	net_loopback_close(&loopback);
	net_loopback_close(&loopback);
	test_int(connect_to("127.0.0.1", PORT), -ECONNREFUSED);
	test_int(connect_to("::1", PORT), -ECONNREFUSED);
	net_loopback_close(&loopback);
}

/* Return: the descriptor, once it is connected, or negative errno. */
static int connected(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t len = sizeof(error);

	if (fd < 0)
		return fd;
	test_int(poll(&p, 1, -1), 1);
	test_int(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	return error ? -error : fd;
}

/* Whoever listens at @at is reached at @ip, by us; and not any more once he has gone. */
static void reach_other(const char *at, const char *ip)
{
	struct net_loopback_peer peer;
	int other, client, fd, ours, theirs;
	in_port_t from = 0;

	begin();
	client = connect_to(ip, PORT);
	fd = taken(&peer);
	test_int(net_loopback_other(&loopback, &peer, &from), -ENOENT);
	/* Our side of a connection is at that port, too. */
	other = listen_at(at, PORT);
	ours = connected(net_loopback_other(&loopback, &peer, &from));
	test_true(ours >= 0 && from != 0);
	theirs = accept4(other, NULL, NULL, SOCK_CLOEXEC);
	test_true(theirs >= 0);
	nobody_came();
	fd_close(ours);
	fd_close(theirs);
	net_loopback_forget(&loopback, from);
	fd_close(other);
	test_int(net_loopback_other(&loopback, &peer, &from), -ENOENT);
	fd_close(fd);
	fd_close(client);
	net_loopback_close(&loopback);
}

static void others_are_reached(void)
{
	reach_other("127.0.0.1", "127.0.0.1");
	reach_other("0.0.0.0", "127.0.0.1");
	reach_other("::", "127.0.0.1");
	reach_other("::", "::1");
	reach_other("::1", "::1");
}

static void its_own_port_is_no_others(void)
{
	struct net_loopback_peer peer;
	in_port_t from = 0;
	int client, fd;

	begin();
	client = connect_to("127.0.0.1", ntohs(loopback.port));
	fd = taken(&peer);
	test_int(net_loopback_other(&loopback, &peer, &from), -ENOENT);
	test_int(from, 0);
	fd_close(fd);
	fd_close(client);
	net_loopback_close(&loopback);
}

static void there_is_no_program_in_a_user_namespace(void)
{
	struct err err = ERR_NULL;

	test_int(unshare(CLONE_NEWUSER | CLONE_NEWNET), 0);
	test_int(net_loopback_open(&loopback, &err), -EPERM);
	test_true(strstr(err.text, "since Linux 5.9"));
	test_int(loopback.fd, -EBADF);
}

int main(void)
{
	if (netns_tests() == TEST_SKIPPED)
		return TEST_SKIPPED;
	test_run(whatever_the_port);
	test_run(no_other_address);
	test_run(lo_may_come_up_later);
	test_run(it_listens_at_no_other_address);
	test_run(no_other_protocol);
	test_run(no_other_namespace);
	test_run(all_is_as_before);
	test_run(others_are_reached);
	test_run(its_own_port_is_no_others);
	test_run(there_is_no_program_in_a_user_namespace);
	return 0;
}
