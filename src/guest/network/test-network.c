/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/test.h"
#include "guest/network/network-check.h"
#include "guest/network/network-service.h"
#include "guest/network/test-network-request.h"

/*
 * In a network namespace of our own, where three links stand for NICs: what is asked for is compared
 * with what request_ip(8) says. Their names are not those that are wanted, nor in that order.
 */

/* The bridge has a NIC's address, as one that a NIC is a port of; it must not be touched. */
static const char setup[] =
	"ip link add eth0 address " NIC_B " type veth peer name pb && "
	"ip link add eth1 address " NIC_A " type veth peer name pa && "
	"ip link add eth5 address " NIC_C " type veth peer name pc && "
	"for i in pa pb pc; do ip link set $i up || exit; done && "
	"ip link add br0 address " NIC_A " type bridge && ip link set br0 up && "
	"ip addr add 172.18.0.1/16 dev br0 && "
	/* From before. */
	"ip link set eth1 up && ip addr add 10.200.0.1/24 dev eth1 && "
	"ip route add 10.201.0.0/16 via 10.200.0.2";

static struct err err;

static void run(const char *command)
{
	if (system(command) != 0)
		test_fail("%s: failed", command);
}

/* What a command prints; lines end in ";". */
static const char *output(const char *fmt, ...)
{
	static char text[16384];
	char command[512];
	size_t n;
	FILE *pipe;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	pipe = popen(command, "re");
	test_true(pipe);
	n = fread(text, 1, sizeof(text) - 1, pipe);
	test_int(pclose(pipe), 0);
	text[n] = '\0';
	for (char *end; (end = strchr(text, '\n'));)
		*end = ';';
	return text;
}

static const char *addresses(const char *name)
{
	return output("ip -o addr show dev %s | awk '{print $4}' | sort", name);
}

/* Without the words that newer versions of ip leave out. */
static const char *routes(int version, const char *name)
{
	return output("ip -%d -o route show dev %s | sed 's/ proto boot//; s/ pref medium//; "
		      "s/ linkdown//; s/ *$//' | LC_ALL=C sort",
		      version, name);
}

/* "address mtu UP" */
static const char *link_of(const char *name)
{
	return output(
		"ip -o link show dev %s | awk '{for (i = 1; i < NF; i++) "
		"{if ($i == \"link/ether\") mac = $(i + 1); if ($i == \"mtu\") mtu = $(i + 1)} "
		"print mac, mtu, $3 ~ /[<,]UP[,>]/ ? \"UP\" : \"DOWN\"}'",
		name);
}

static void configure(void)
{
	int r = network_configure(&request, &err);

	if (r != 0)
		test_fail("%d %s", r, err.text);
}

static void refused(int code, const char *text)
{
	test_int(network_configure(&request, &err), code);
	test_str(err.text, text);
}

static void expect_first(void)
{
	test_str(link_of("eth0"), "02:42:ac:11:00:02 1400 UP;");
	test_str(link_of("eth1"), NIC_A " 1500 UP;");
	test_str(addresses("eth0"), "10.0.0.2/24;10.0.0.3/24;fd00::2/64;fe80::42/64;");
	test_str(addresses("eth1"), "192.168.7.5/32;fd07::5/128;");
	test_str(routes(4, "eth0"), "10.0.0.0/24 proto kernel scope link src 10.0.0.2;"
				    "10.9.0.0/16 via 10.0.0.254 src 10.0.0.3 metric 50;"
				    "default via 10.0.0.1;");
	test_str(routes(4, "eth1"), "198.51.100.1 scope link;203.0.113.0/24 via 198.51.100.1;"
				    "default scope link metric 300;"
				    "default via 169.254.1.1 metric 200 onlink;");
	test_str(routes(6, "eth0"),
		 "default via fd00::1 metric 1024;fd00::/64 proto kernel metric 256;"
		 "fe80::/64 proto kernel metric 256;");
	test_str(routes(6, "eth1"),
		 "default metric 9000;fd01::/48 src fd07::5 metric 5;"
		 "fd02::/48 via fe80::7 metric 1024 onlink;fd07::5 proto kernel metric 256;");
}

/* What the container has made, and lo. */
static void expect_others(void)
{
	test_str(addresses("br0"), output("echo 172.18.0.1/16; ip -o -6 addr show dev br0 | "
					  "awk '{print $4}'"));
	test_str(output("ip -o link show dev br0 | grep -c UP"), "1;");
	test_str(output("ip -o addr show dev lo | awk '{print $4}'"), "127.0.0.1/8;::1/128;");
	test_str(output("ip -o link show dev lo | grep -c ,UP"), "1;");
}

static void test_configure(void)
{
	request_first();
	configure();
	expect_first();
	expect_others();
	request_end();
}

/* Nothing is probed, advertised, or made out of the MAC address. */
static void test_ipv6(void)
{
	test_str(output("ip -o -6 addr | grep -c ' eth.*tentative' || true"), "0;");
	test_str(output("ip -o -6 addr show dev eth0 | grep -c nodad"), "2;");
	test_str(output("cat /proc/sys/net/ipv6/conf/eth[01]/accept_ra"), "0;0;");
	test_str(output("cat /proc/sys/net/ipv6/conf/eth[01]/addr_gen_mode"), "1;1;");
	test_str(output("ip -o -4 addr show dev eth0 | grep -c 'brd 10.0.0.255'"), "2;");
}

/* A link that was set down would have lost this. */
static void test_again(void)
{
	run("ip route add 10.77.0.0/16 dev eth0 table 100");
	request_first();
	configure();
	expect_first();
	test_str(output("ip route show table 100"), "10.77.0.0/16 dev eth0 scope link ;");
	request_end();
}

/* What comes from elsewhere goes, however much of it. */
static void test_strays(void)
{
	run("for i in $(seq 250); do echo addr add 10.99.$i.1/24 dev eth0; "
	    "echo route add 10.98.$i.0/24 via 10.0.0.9; "
	    "echo route add fd98:$i::/64 via fd00::9; done | ip -batch -");
	run("ip addr add 10.0.0.2/16 dev eth0; ip addr del 10.0.0.3/24 dev eth0; ip route del "
	    "default via 10.0.0.1; "
	    "ip route add default via 10.0.0.7; ip link set eth1 down");
	request_first();
	configure();
	expect_first();
	request_end();
}

/* Names swapped, an interface more, other addresses, fewer routes. */
static void test_difference(void)
{
	Caisson__Guest__V1__Interface *i;

	request_begin();
	i = request_interface(NIC_A, "eth1", NULL);
	request_address(i, "10.0.0.4", 24);
	request_address(i, "10.0.0.3", 16);
	i = request_interface(NIC_C, "eth2", NULL);
	request_address(i, "10.3.0.4", 24);
	i = request_interface(NIC_B, "eth0", NIC_B);
	request_address(i, "fd00::2", 80);
	request_route("eth1", NULL, 0, "10.0.0.1");
	request_route("eth2", NULL, 0, "10.3.0.1")->metric = 7;
	configure();
	test_str(link_of("eth1"), NIC_A " 1400 UP;");
	test_str(link_of("eth0"), NIC_B " 1500 UP;");
	test_str(link_of("eth2"), NIC_C " 1500 UP;");
	test_str(addresses("eth0"), "fd00::2/80;");
	test_str(addresses("eth1"), "10.0.0.3/16;10.0.0.4/24;");
	test_str(addresses("eth2"), "10.3.0.4/24;");
	test_str(routes(4, "eth0"), "");
	test_str(routes(4, "eth1"), "10.0.0.0/16 proto kernel scope link src 10.0.0.3;"
				    "10.0.0.0/24 proto kernel scope link src 10.0.0.4;"
				    "default via 10.0.0.1;");
	test_str(routes(4, "eth2"), "10.3.0.0/24 proto kernel scope link src 10.3.0.4;"
				    "default via 10.3.0.1 metric 7;");
	test_str(routes(6, "eth0"), "fd00::/80 proto kernel metric 256;");
	test_str(routes(6, "eth1"), "");
	expect_others();
	request_end();
}

/* "02:00:00:00:00:0a UP;" of each NIC that can be seen. */
static const char *nics_seen(void)
{
	return output("ip -o link show type veth | grep -oE 'link/ether (" NIC_A "|" NIC_B "|" NIC_C
		      ")' | cut -d ' ' -f 2 | sort");
}

/* And the one that stays gets a name that another one has. */
static void test_gone(void)
{
	Caisson__Guest__V1__Interface *i;

	request_begin();
	i = request_interface(NIC_C, "eth0", NULL);
	request_address(i, "10.3.0.4", 24);
	configure();
	test_str(link_of("eth0"), NIC_C " 1500 UP;");
	test_str(addresses("eth0"), "10.3.0.4/24;");
	test_str(nics_seen(), NIC_C ";");
	test_str(output("ip route show dev eth0 | wc -l"), "1;");
	expect_others();
	request_end();
	request_begin();
	configure();
	test_str(nics_seen(), "");
	expect_others();
	request_end();
}

/* They are known by what they had at first. */
static void test_back(void)
{
	request_first();
	configure();
	expect_first();
	configure();
	expect_first();
	request_end();
}

/* The new one has no carrier. */
static void test_unplugged(void)
{
	run("ip link del eth1");
	request_first();
	refused(-ENOENT, "interfaces[1].nic: there is no " NIC_B);
	run("ip link add fresh address " NIC_B " type veth peer name p7");
	configure();
	expect_first();
	request_end();
}

/* What the kernel does not want. */
static void test_kernel(void)
{
	request_first();
	request_route("eth0", "10.8.0.0", 16, "10.0.0.1")->source = request_ip("10.55.0.1");
	refused(-EINVAL, "eth0: cannot add a route to 10.8.0.0/16 via 10.0.0.1: Invalid argument");
	request_end();
	request_first();
	request_route("eth0", NULL, 0, "10.55.0.1")->metric = 3;
	refused(-ENETUNREACH,
		"eth0: cannot add a route to 0.0.0.0/0 via 10.55.0.1: Network is unreachable");
	request_end();
	request_first();
	request_address(request.interfaces[0], "ff02::5", 64);
	refused(-EADDRNOTAVAIL, "eth0: cannot add ff02::5/64: Cannot assign requested address");
	request_end();
	request_first();
	strcpy(request.interfaces[1]->name, "br0");
	while (request.n_routes > 0)
		caisson__guest__v1__route__free_unpacked(request.routes[--request.n_routes], NULL);
	refused(-EEXIST, "br0: cannot give this name to eth1: File exists");
	request_end();
	/* The next one goes on from there. */
	request_first();
	configure();
	expect_first();
	request_end();
}

/* What makes no sense changes nothing, not even what comes before it. */
static void test_refused(void)
{
	request_first();
	request.interfaces[0]->mtu = 1300;
	request.routes[5]->family = 0;
	refused(-EINVAL, "routes[5].family: it has to be 2 or 10, as that of the addresses");
	request_end();
	expect_first();
}

static void sysctl_refused(const char *name, const char *value, int r, const char *text)
{
	request_first();
	request_sysctl(name, value);
	refused(r, text);
	request_end();
}

/* Also of an interface that gets its name by the same request, and of one with a dot in its name. */
static void test_sysctls(void)
{
	run("ip link add odd.7 type veth peer name podd");
	request_first();
	request_sysctl("net.ipv4.ip_local_port_range", "1024 2000");
	request_sysctl("net.ipv4.conf.eth1.forwarding", "1");
	request_sysctl("net/ipv4/conf/odd.7/forwarding", "1");
	configure();
	request_end();
	test_str(output("cat /proc/sys/net/ipv4/ip_local_port_range"), "1024\t2000;");
	test_str(output("cat /proc/sys/net/ipv4/conf/eth1/forwarding"), "1;");
	test_str(output("cat /proc/sys/net/ipv4/conf/odd.7/forwarding"), "1;");
	sysctl_refused("net.ipv4.none", "1", -ENOENT,
		       "sysctls[0]: cannot set net.ipv4.none: No such file or directory");
	sysctl_refused("net.ipv4.ip_forward", "x", -EINVAL,
		       "sysctls[0]: cannot set net.ipv4.ip_forward: Invalid argument");
	sysctl_refused("net/../../sysrq-trigger", "h", -EXDEV,
		       "sysctls[0]: cannot set net/../../sysrq-trigger: Invalid cross-device link");
	run("ip link del odd.7");
}

/* As many as there may be of each. */
static void test_many(void)
{
	char text[32];

	request_first();
	while (request.interfaces[0]->n_addresses < NETWORK_ADDRESSES_MAX) {
		(void)snprintf(text, sizeof(text), "10.66.0.%zu",
			       request.interfaces[0]->n_addresses);
		request_address(request.interfaces[0], text, 32);
	}
	while (request.n_routes < NETWORK_ROUTES_MAX) {
		(void)snprintf(text, sizeof(text), "10.65.%zu.0", request.n_routes);
		request_route("eth0", text, 24, "10.0.0.1");
	}
	configure();
	test_str(output("ip -o addr show dev eth0 | wc -l"), "64;");
	/* Two more are the kernel's: see expect_first(). */
	test_str(output("(ip -o route; ip -o -6 route) | grep -cE 'dev eth[01]'"), "259;");
	configure();
	request_end();
}

/* The first of them is used, as on the host; one that comes later is there as well. */
static void test_equal_routes(void)
{
	for (int n = 1; n <= 2; n++) {
		request_begin();
		request_address(request_interface(NIC_B, "eth1", NULL), "10.2.0.2", 24);
		request_address(request_interface(NIC_A, "eth0", NULL), "10.1.0.2", 24);
		if (n == 2)
			request_route("eth1", NULL, 0, "10.2.0.1")->metric = 100;
		request_route("eth0", NULL, 0, "10.1.0.1")->metric = 100;
		configure();
		request_end();
	}
	test_str(output("ip route show default | awk '{print $3}'"), "10.2.0.1;10.1.0.1;");
	test_str(output("ip route get 192.0.2.1 | awk 'NR == 1 {print $3}'"), "10.2.0.1;");
}

int main(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		printf("skipped: no network namespace\n");
		return 77;
	}
	run(setup);
	test_run(test_configure);
	test_run(test_ipv6);
	test_run(test_again);
	test_run(test_strays);
	test_run(test_difference);
	test_run(test_gone);
	test_run(test_back);
	test_run(test_unplugged);
	test_run(test_kernel);
	test_run(test_refused);
	test_run(test_sysctls);
	test_run(test_many);
	test_run(test_equal_routes);
	return 0;
}
