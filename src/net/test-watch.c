/* SPDX-License-Identifier: Apache-2.0 */
#include "net/watch.h"

#include <sys/socket.h>

#include "loop/test-clock.h"
#include "net/tap.h"
#include "net/test-netns.h"

static struct loop loop;
static struct net_watch watch = NET_WATCH_NULL;
static int calls;

static void changed(struct net_watch *w)
{
	test_true(w == &watch);
	calls++;
}

static void begin(void)
{
	struct err err = ERR_NULL;

	calls = 0;
	test_int(loop_init(&loop), 0);
	test_int(net_watch_start(&loop, &watch, changed, &err), 0);
	test_str(err.text, "");
	test_true(fcntl(watch.io.fd, F_GETFD) == FD_CLOEXEC);
}

static void end(void)
{
	net_watch_stop(&watch);
	net_watch_stop(&watch);
	loop_deinit(&loop);
}

/* How often it was heard of something by now. */
static int heard(void)
{
	calls = 0;
	(void)test_turn(&loop);
	return calls;
}

static void an_interface_that_is_moved_in_is_heard(void)
{
	_cleanup_close_ int here = netns_new(), there = -EBADF;

	begin();
	test_int(heard(), 0);
	there = netns_new();
	run("ip link add veth0 type veth peer name veth1 && ip link set veth0 up");
	test_int(heard(), 0);
	run("ip link set veth1 netns /proc/%d/fd/%d", (int)getpid(), here);
	test_int(heard(), 1);
	end();
}

/*
 * On lo, where nothing happens later: no carrier comes, no address is tried. Each change is of one
 * kind.
 */
static void each_kind_of_change_is_heard_once(void)
{
	static const char *const changes[] = {
		"ip link set lo mtu 1400",
		"ip addr add 10.1.0.2/24 dev lo",
		"ip addr change 10.1.0.2/24 dev lo valid_lft 9000 preferred_lft 9000",
		"ip addr del 10.1.0.2/24 dev lo",
		"ip link set lo up",
		"ip route add 10.2.0.0/16 dev lo",
		"ip -6 route add fd01::/48 dev lo",
		"ip route del 10.2.0.0/16",
		"ip link set lo down",
	};

	fd_close(netns_new());
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		run("%s", changes[i]);
		if (heard() != 1)
			test_fail("heard %d times of: %s", calls, changes[i]);
		if (heard() != 0)
			test_fail("heard more of: %s", changes[i]);
	}
	end();
}

static void quits(struct net_watch *w)
{
	calls++;
	net_watch_stop(w);
	loop_quit(&loop, 0);
}

/* Of these the kernel may tell later. That an address lasts longer now is of no other kind. */
static void an_ipv6_address_is_heard(void)
{
	fd_close(netns_new());
	run("ip addr add fd00::2/64 dev lo nodad noprefixroute");
	begin();
	watch.changed = quits;
	run("ip addr change fd00::2/64 dev lo noprefixroute valid_lft 9000 preferred_lft 9000");
	test_int(loop_run(&loop), 0);
	test_int(calls, 1);
	end();
}

static void too_much_to_be_kept_is_a_change(void)
{
	int size = 1;

	fd_close(netns_new());
	begin();
	test_int(setsockopt(watch.io.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	for (uint32_t mtu = 2000; mtu < 2100; mtu++)
		test_int(net_link_set(index_of("lo"), mtu, true, NULL), 0);
	test_int(heard(), 1);
	run("ip link set lo down");
	test_int(heard(), 1);
	end();
}

int main(void)
{
	int r = netns_tests();

	if (r != 0)
		return r;
	test_run(an_interface_that_is_moved_in_is_heard);
	test_run(each_kind_of_change_is_heard_once);
	test_run(an_ipv6_address_is_heard);
	test_run(too_much_to_be_kept_is_a_change);
	return 0;
}
