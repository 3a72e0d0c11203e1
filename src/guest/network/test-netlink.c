/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/test.h"

/* In a network namespace of our own, whose one device is lo. */

static struct netlink netlink = NETLINK_NULL;
static unsigned int lo;

static struct netaddr address(int family, const char *text)
{
	struct netaddr ret = {.family = family};

	test_int(inet_pton(family, text, ret.bytes), 1);
	return ret;
}

static void has(const char *file, const char *part)
{
	_cleanup_free_ char *text = NULL;

	test_int(file_slurp_at(AT_FDCWD, file, 65536, &text, NULL), 0);
	if (!strstr(text, part))
		test_fail("\"%s\" is not in %s: %s", part, file, text);
}

static void test_set_up(void)
{
	test_int(netlink_set_up(&netlink, lo, true), 0);
	test_int(netlink_set_up(&netlink, lo, true), 0);
	test_int(netlink_set_up(&netlink, 9999, true), -ENODEV);
}

static void test_addresses(void)
{
	struct netaddr v4 = address(AF_INET, "10.1.16.5"), v6 = address(AF_INET6, "fd00::5");

	/* As it is after a kernel with CONFIG_IP_PNP: there already. */
	for (int i = 0; i < 2; i++) {
		test_int(netlink_add_address(&netlink, lo, &v4, 20), 0);
		test_int(netlink_add_address(&netlink, lo, &v6, 80), 0);
	}
	has("/proc/thread-self/net/fib_trie", "10.1.16.0/20");
	/* Permanent and, as the 02 says, without probing. */
	has("/proc/thread-self/net/if_inet6", "fd000000000000000000000000000005 01 50 00 82");
}

static void test_routes(void)
{
	struct netlink_route route = {.index = lo, .onlink = true};

	route.destination.family = AF_INET;
	route.gateway = address(AF_INET, "10.9.9.9");
	test_int(netlink_add_route(&netlink, &route), 0);
	test_int(netlink_add_route(&netlink, &route), -EEXIST);
	has("/proc/thread-self/net/route", "lo\t00000000\t0909090A\t0003");
	route.index = 9999;
	test_int(netlink_add_route(&netlink, &route), -ENODEV);
	/* Not through lo, with IPv6: what the kernel says is passed on. */
	route.index = lo;
	route.destination.family = AF_INET6;
	route.gateway = address(AF_INET6, "fd00::1");
	test_int(netlink_add_route(&netlink, &route), -EINVAL);
}

int main(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		printf("no namespaces here: %s\n", strerror(errno));
		return 77;
	}
	lo = if_nametoindex("lo");
	test_int(netlink_open(&netlink), 0);
	test_run(test_set_up);
	test_run(test_addresses);
	test_run(test_routes);
	netlink_close(&netlink);
	netlink_close(&netlink);
	return 0;
}
