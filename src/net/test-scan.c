/* SPDX-License-Identifier: Apache-2.0 */
#include "net/state.h"

#include <arpa/inet.h>
#include <json-c/json.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>

#include "net/rtnl.h"
#include "net/tap.h"
#include "net/test-netns.h"

/* What net_scan() finds and what ip(8) shows, in the same words, are to be the same. */

static struct net_state found;
static char *text;
static size_t text_len;
static FILE *out;

static const char *const scopes[256] = {
	[RT_SCOPE_UNIVERSE] = "global", [RT_SCOPE_SITE] = "site",	[RT_SCOPE_LINK] = "link",
	[RT_SCOPE_HOST] = "host",	[RT_SCOPE_NOWHERE] = "nowhere",
};
static const char *const types[] = {
	[RTN_UNICAST] = "unicast",
	[RTN_BLACKHOLE] = "blackhole",
	[RTN_UNREACHABLE] = "unreachable",
	[RTN_PROHIBIT] = "prohibit",
};

static void begin_text(void)
{
	out = open_memstream(&text, &text_len);
	test_true(out);
}

static char *end_text(void)
{
	test_int(fclose(out), 0);
	return text;
}

static const char *ip_text(const struct net_ip *ip)
{
	static char texts[4][INET6_ADDRSTRLEN];
	static int i;

	i = (i + 1) % 4;
	if (ip->family == 0)
		return "-";
	test_true(inet_ntop(ip->family, ip->bytes, texts[i], sizeof(texts[i])));
	return texts[i];
}

static void put_if(const struct net_if *nif)
{
	const uint8_t *m = nif->mac;

	fprintf(out, "%d %s %02x:%02x:%02x:%02x:%02x:%02x %u %s\n", nif->index, nif->name, m[0],
		m[1], m[2], m[3], m[4], m[5], nif->mtu, nif->up ? "up" : "down");
	for (unsigned int i = 0; i < nif->n_addrs; i++) {
		const struct net_addr *addr = &nif->addrs[i];

		fprintf(out, " %s peer %s /%d %s\n", ip_text(&addr->ip), ip_text(&addr->peer),
			addr->prefix, scopes[addr->scope]);
	}
}

static void put_route(const struct net_route *route)
{
	char dev[IFNAMSIZ] = "-";

	if (route->if_index != 0)
		test_true(if_indextoname((unsigned int)route->if_index, dev));
	fprintf(out, "%s %s/%d via %s src %s dev %s metric %u mtu %u scope %s%s\n",
		types[route->type], ip_text(&route->to), route->prefix, ip_text(&route->gateway),
		ip_text(&route->source), dev, route->metric, route->mtu, scopes[route->scope],
		route->onlink ? " onlink" : "");
}

static char *found_text(void)
{
	begin_text();
	for (unsigned int i = 0; i < found.n_ifs; i++)
		put_if(&found.ifs[i]);
	for (unsigned int i = 0; i < found.n_routes; i++)
		put_route(&found.routes[i]);
	return end_text();
}

static const char *word(struct json_object *in, const char *key, const char *otherwise)
{
	struct json_object *value;

	return json_object_object_get_ex(in, key, &value) ? json_object_get_string(value)
							  : otherwise;
}

static struct json_object *list(struct json_object *in, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(in, key, &value);
	return value;
}

static bool has_flag(struct json_object *in, const char *flag)
{
	struct json_object *flags = list(in, "flags");

	for (size_t i = 0; i < json_object_array_length(flags); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(flags, i)), flag) == 0)
			return true;
	return false;
}

static void show_if(struct json_object *link)
{
	struct json_object *addrs = list(link, "addr_info");

	fprintf(out, "%s %s %s %s %s\n", word(link, "ifindex", ""), word(link, "ifname", ""),
		word(link, "address", ""), word(link, "mtu", ""),
		has_flag(link, "UP") ? "up" : "down");
	for (size_t i = 0; i < json_object_array_length(addrs); i++) {
		struct json_object *addr = json_object_array_get_idx(addrs, i);

		/* The kernel's own. */
		if (strstr(word(addr, "local", ""), "ff:fe"))
			continue;
		fprintf(out, " %s peer %s /%s %s\n", word(addr, "local", ""),
			word(addr, "address", "-"), word(addr, "prefixlen", ""),
			word(addr, "scope", ""));
	}
}

static void show_route(struct json_object *route, bool v6, const char *names)
{
	const char *type = word(route, "type", "unicast"), *to = word(route, "dst", "");
	bool refuses = strcmp(type, "unicast") != 0;
	struct json_object *metrics = list(route, "metrics");

	if (strcmp(word(route, "protocol", ""), "kernel") == 0 ||
	    (!refuses && !strstr(names, word(route, "dev", "?"))))
		return;
	if (strcmp(to, "default") == 0)
		to = v6 ? "::/0" : "0.0.0.0/0";
	fprintf(out, "%s %s%s via %s src %s dev %s metric %s mtu %s scope %s%s\n", type, to,
		strchr(to, '/') ? ""
		: v6		? "/128"
				: "/32",
		word(list(route, "via"), "host", word(route, "gateway", "-")),
		word(route, "prefsrc", "-"), refuses ? "-" : word(route, "dev", ""),
		word(route, "metric", "0"),
		metrics ? word(json_object_array_get_idx(metrics, 0), "mtu", "0") : "0",
		word(route, "scope", "global"), has_flag(route, "onlink") ? " onlink" : "");
}

static struct json_object *ask_ip(const char *what)
{
	_cleanup_free_ char *shown = command("ip -j %s", what);
	struct json_object *parsed = json_tokener_parse(shown);

	test_true(parsed);
	return parsed;
}

static char *shown_text(const char *names)
{
	static const char *const asked[] = {"-4 route", "-6 route"};
	struct json_object *all = ask_ip("addr");

	begin_text();
	for (size_t i = 0; i < json_object_array_length(all); i++)
		if (strstr(names, word(json_object_array_get_idx(all, i), "ifname", "?")))
			show_if(json_object_array_get_idx(all, i));
	json_object_put(all);
	for (int v6 = 0; v6 < 2; v6++) {
		all = ask_ip(asked[v6]);
		for (size_t i = 0; i < json_object_array_length(all); i++)
			show_route(json_object_array_get_idx(all, i), v6, names);
		json_object_put(all);
	}
	return end_text();
}

static void scan(void)
{
	struct err err = ERR_NULL;

	if (net_scan(&found, &err) < 0)
		test_fail("%s", err.text);
}

/* @names: the interfaces that are to be found */
static void expect_as_shown(const char *names)
{
	_cleanup_free_ char *have = NULL, *want = NULL;

	scan();
	have = found_text();
	want = shown_text(names);
	test_str(have, want);
}

/* In a new namespace, with eth0, of a pair whose other end is in another. */
static void begin(void)
{
	static int there = -EBADF;

	fd_close(there);
	there = netns_new();
	fd_close(netns_new());
	run("ip link set lo up");
	make_pair("eth0", "far0", there);
}

static void an_empty_namespace_has_nothing(void)
{
	fd_close(netns_new());
	run("ip link set lo up");
	scan();
	test_int(found.n_ifs, 0);
	test_int(found.n_routes, 0);
}

static void all_is_as_ip_shows_it(void)
{
	begin();
	run("ip link set eth0 mtu 1400");
	run("ip link add eth1 address 02:00:00:00:00:07 mtu 1300 type veth peer name veth1");
	run("ip addr add 10.1.0.2/16 dev eth0 && ip addr add 10.1.0.3/16 dev eth0");
	run("ip addr add 10.2.0.2 peer 10.2.0.1/32 dev eth0");
	run("ip addr add fd00::2/64 dev eth0 nodad && ip addr add fe80::77/64 dev eth0 nodad");
	run("ip addr add 10.7.0.2/24 scope link dev eth1");
	run("ip route add default via 10.1.0.1 metric 7");
	run("ip route add 10.9.0.0/24 via 192.168.9.9 dev eth0 onlink src 10.1.0.2 mtu 1300");
	run("ip route add 10.10.0.1 dev eth0 scope link proto static");
	run("ip route add 10.12.0.0/24 via inet6 fd00::1 dev eth0");
	run("ip route add 10.13.0.0/24 dev lo && ip route add 10.14.0.0/24 dev eth0 table 77");
	run("ip route add blackhole 10.11.0.0/16 && ip route add prohibit 10.15.0.0/17");
	run("ip route add default via fd00::1 dev eth0 && ip -6 route add unreachable fd01::/48");
	run("ip -6 route add fd02::/60 via fe80::1 dev eth0 metric 99");
	expect_as_shown("eth0 eth1 veth1");
	test_int(found.n_ifs, 3);
	test_int(found.n_routes, 9);
}

/* A tun or tap, which the kernel then takes for something else: @type. */
static int make_odd(const char *name, short flags, unsigned long type)
{
	struct ifreq request = {.ifr_flags = (short)(flags | IFF_NO_PI)};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strcpy(request.ifr_name, name);
	test_int(ioctl(fd, TUNSETIFF, &request), 0);
	test_int(ioctl(fd, TUNSETLINK, type), 0);
	return fd;
}

/* tun0 has no Ethernet address, fddi0 one that is none, that of none0 is zeros, port0 is br0's. */
static void what_cannot_carry_traffic_is_left_out(void)
{
	char name[IFNAMSIZ];
	int index;
	_cleanup_close_ int tap = -EBADF, fddi = -EBADF, none = -EBADF;

	begin();
	run("ip tuntap add tun0 mode tun && ip link set tun0 up && ip addr add 10.3.0.1/24 dev "
	    "tun0");
	run("ip route add 10.4.0.0/16 dev tun0; ip tuntap add tap0 mode tap");
	run("ip link add br0 address 02:00:00:00:00:01 type bridge");
	run("ip link add port0 type veth peer name caisson-veth && ip link set port0 master br0");
	tap = net_tap_open(name, &index, NULL);
	fddi = make_odd("fddi0", IFF_TAP, ARPHRD_FDDI);
	none = make_odd("none0", IFF_TUN, ARPHRD_ETHER);
	expect_as_shown("eth0 tap0 br0 caisson-veth");
	test_int(found.n_ifs, 4);
	test_int(found.n_routes, 0);
}

/* What ip(8) has no word for. */
static void add_as_by_router(const char *ip)
{
	_cleanup_(mnl_socket_close) struct mnl_socket *nl = NULL;
	_Alignas(struct nlmsghdr) char buf[RTNL_REQUEST_MAX];
	struct nlmsghdr *nlh =
		rtnl_request(buf, RTM_NEWADDR, NLM_F_CREATE, sizeof(struct ifaddrmsg));
	struct ifaddrmsg *addr = mnl_nlmsg_get_payload(nlh);
	uint8_t bytes[16];

	*addr = (struct ifaddrmsg){.ifa_family = AF_INET6, .ifa_prefixlen = 64};
	addr->ifa_index = (uint32_t)index_of("eth0");
	test_int(inet_pton(AF_INET6, ip, bytes), 1);
	mnl_attr_put(nlh, IFA_LOCAL, sizeof(bytes), bytes);
	mnl_attr_put_u8(nlh, IFA_PROTO, IFAPROT_KERNEL_RA);
	test_int(rtnl_open(&nl), 0);
	test_int(rtnl_do(nl, nlh), 0);
}

/* Whoever else makes the same address, by hand or of the MAC, is not told apart. */
static void what_the_guests_kernel_makes_is_left_out(void)
{
	begin();
	run("ip link set eth0 down && ip link set eth0 addrgenmode random && ip link set eth0 up");
	run("ip link set eth0 address 02:00:00:00:00:07 && ip addr add fe80::ff:fe00:7/64 dev "
	    "eth0");
	run("ip addr add fd00::9/64 dev eth0 mngtmpaddr");
	add_as_by_router("fd00::a");
	run("ip -6 route add fd05::/64 dev eth0 proto ra");
	run("ip -6 route add fd06::/64 dev eth0 proto redirect");
	scan();
	test_int(found.n_ifs, 1);
	test_int(found.ifs[0].n_addrs, 0);
	test_int(found.n_routes, 0);
	run("ip addr add fe80::ff:fe00:8/64 dev eth0 && ip -6 route add fd07::/64 dev eth0 proto "
	    "dhcp");
	scan();
	test_int(found.ifs[0].n_addrs, 1);
	test_int(found.n_routes, 1);
}

static const struct net_addr *first_addr(void)
{
	scan();
	test_int(found.n_ifs, 1);
	test_true(found.ifs[0].n_addrs >= 1);
	return &found.ifs[0].addrs[0];
}

/*
 * As an engine does that sends all through a gateway; and without a carrier there is no route yet.
 */
static void a_prefix_route_is_seen_or_missed(void)
{
	begin();
	run("ip addr add 10.1.5.2/20 dev eth0");
	test_true(first_addr()->prefix_route);
	run("ip route del 10.1.0.0/20 dev eth0");
	test_true(!first_addr()->prefix_route);
	run("ip addr del 10.1.5.2/20 dev eth0");
	run("ip addr add 10.1.5.2/20 dev eth0 noprefixroute");
	test_true(!first_addr()->prefix_route);
	run("ip addr del 10.1.5.2/20 dev eth0");
	run("ip addr add 10.2.0.2 peer 10.3.0.0/16 dev eth0");
	test_true(first_addr()->prefix_route);
	run("ip link set eth0 down");
	test_true(first_addr()->prefix_route);
}

static void expect_refused(int code, const char *why)
{
	struct err err = ERR_NULL;

	test_int(net_scan(&found, &err), code);
	test_str(err.text, why);
	test_int(net_scan(&found, NULL), code);
}

static void too_many_are_refused_by_name(void)
{
	begin();
	run("for i in $(seq 2 65); do echo addr add 10.1.0.$i/24 dev eth0; done | ip -batch -");
	scan();
	test_int(found.ifs[0].n_addrs, 64);
	run("ip addr add 10.1.0.66/24 dev eth0");
	expect_refused(-E2BIG, "the container's interface eth0 has more than 64 addresses");
	run("ip addr del 10.1.0.66/24 dev eth0");
	run("for i in $(seq 0 255); do echo route add 10.9.$i.0/24 dev eth0; done | ip -batch -");
	scan();
	test_int(found.n_routes, 256);
	run("ip route add 10.8.0.0/24 dev eth0");
	expect_refused(-E2BIG, "the container has more than 256 routes");
	run("ip route del 10.8.0.0/24");
	run("for i in $(seq 1 15); do echo link add d$i type bridge; done | ip -batch -");
	scan();
	test_int(found.n_ifs, 16);
	run("ip link add d16 type bridge");
	expect_refused(-E2BIG, "the container has more than 16 network interfaces");
}

static void routes_without_words_are_refused(void)
{
	begin();
	run("ip addr add 10.1.0.2/24 dev eth0");
	run("ip route add 10.5.0.0/16 nexthop via 10.1.0.1 nexthop via 10.1.0.3");
	expect_refused(-EOPNOTSUPP,
		       "the container's route to 10.5.0.0/16 has several next hops, which "
		       "its VM cannot be given");
	run("ip route del 10.5.0.0/16; ip route add throw 10.6.0.0/16");
	expect_refused(-EOPNOTSUPP,
		       "the container's route to 10.6.0.0/16 is of a type that is for hosts "
		       "only, which its VM cannot be given");
	run("ip route del throw 10.6.0.0/16; ip route add 10.6.0.0/16 dev eth0 tos 0x10");
	expect_refused(-EOPNOTSUPP,
		       "the container's route to 10.6.0.0/16 is not for all senders and "
		       "types of service, which its VM cannot be given");
}

/* One field after the other differs; @field is one of @other, which is a copy of what was found. */
#define expect_differs(field)                                    \
	do {                                                     \
		*other = found;                                  \
		*(uint8_t *)&(other->field) ^= 1;                \
		if (net_state_equal(&found, other))              \
			test_fail("%s does not matter", #field); \
	} while (0)

static void each_field_matters(void)
{
	_cleanup_free_ struct net_state *other = xmalloc(sizeof(*other));

	begin();
	run("ip addr add 10.1.0.2/24 dev eth0 && ip route add default via 10.1.0.1");
	scan();
	*other = found;
	test_true(net_state_equal(&found, other));
	expect_differs(n_ifs);
	expect_differs(n_routes);
	expect_differs(ifs[0].index);
	expect_differs(ifs[0].name);
	expect_differs(ifs[0].mac[5]);
	expect_differs(ifs[0].mtu);
	expect_differs(ifs[0].up);
	expect_differs(ifs[0].n_addrs);
	expect_differs(ifs[0].addrs[0].ip.family);
	expect_differs(ifs[0].addrs[0].ip.bytes[3]);
	expect_differs(ifs[0].addrs[0].peer.family);
	expect_differs(ifs[0].addrs[0].prefix);
	expect_differs(ifs[0].addrs[0].scope);
	expect_differs(ifs[0].addrs[0].prefix_route);
	expect_differs(routes[0].type);
	expect_differs(routes[0].to.bytes[0]);
	expect_differs(routes[0].prefix);
	expect_differs(routes[0].gateway.bytes[0]);
	expect_differs(routes[0].source.family);
	expect_differs(routes[0].if_index);
	expect_differs(routes[0].metric);
	expect_differs(routes[0].mtu);
	expect_differs(routes[0].scope);
	expect_differs(routes[0].onlink);
}

int main(void)
{
	int r = netns_tests();

	if (r != 0)
		return r;
	test_run(an_empty_namespace_has_nothing);
	test_run(all_is_as_ip_shows_it);
	test_run(what_cannot_carry_traffic_is_left_out);
	test_run(what_the_guests_kernel_makes_is_left_out);
	test_run(a_prefix_route_is_seen_or_missed);
	test_run(too_many_are_refused_by_name);
	test_run(routes_without_words_are_refused);
	test_run(each_field_matters);
	return 0;
}
