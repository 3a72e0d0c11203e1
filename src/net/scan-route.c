/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "net/rtnl.h"
#include "net/scan.h"

#define ROUTE_ATTRS (RTA_EXPIRES + 1)

static uint32_t table_of(const struct rtmsg *msg, const struct nlattr *const *attrs)
{
	return attrs[RTA_TABLE] ? rtnl_u32(attrs[RTA_TABLE]) : msg->rtm_table;
}

/* A route that refuses goes nowhere; the kernel says lo for IPv6. */
static bool refuses(uint8_t type)
{
	return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT;
}

/* Why a route cannot be told to a guest; NULL: it can. */
static const char *obstacle(const struct rtmsg *msg, const struct nlattr *const *attrs)
{
	if (msg->rtm_type != RTN_UNICAST && !refuses(msg->rtm_type))
		return "is of a type that is for hosts only";
	if (attrs[RTA_MULTIPATH])
		return "has several next hops";
	if (attrs[RTA_ENCAP])
		return "encapsulates what it takes";
	if (msg->rtm_tos != 0 || msg->rtm_src_len != 0)
		return "is not for all senders and types of service";
	return NULL;
}

static int refuse(struct scan *scan, const struct net_route *route, const char *why)
{
	char text[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(route->to.family, route->to.bytes, text, sizeof(text));
	return rtnl_stop(err_set(&scan->err, -EOPNOTSUPP,
				 "the container's route to %s/%d %s, which its VM cannot be given",
				 text, route->prefix, why));
}

static bool in_prefix(const struct net_ip *ip, const struct net_route *route)
{
	unsigned int whole = route->prefix / 8, rest = route->prefix % 8;

	if (ip->family != route->to.family || memcmp(ip->bytes, route->to.bytes, whole) != 0)
		return false;
	return rest == 0 || (ip->bytes[whole] ^ route->to.bytes[whole]) >> (8 - rest) == 0;
}

/* What the kernel made itself is no route of the engine's, but says something about an address. */
static void note_kernel_route(struct net_if *nif, const struct net_route *route)
{
	for (unsigned int i = 0; i < nif->n_addrs; i++) {
		struct net_addr *addr = &nif->addrs[i];
		const struct net_ip *ip = addr->peer.family ? &addr->peer : &addr->ip;

		if (addr->prefix == route->prefix && in_prefix(ip, route))
			addr->prefix_route = true;
	}
}

/* An IPv4 route with an IPv6 gateway has RTA_VIA: a family, and the address. */
static struct net_ip gateway_of(const struct rtmsg *msg, const struct nlattr *const *attrs)
{
	struct {
		uint16_t family;
		uint8_t bytes[16];
	} via;
	struct net_ip ip = {.family = AF_INET6};

	if (!rtnl_copy(attrs[RTA_VIA], &via, sizeof(via)) || via.family != AF_INET6)
		return scan_ip(msg->rtm_family, attrs[RTA_GATEWAY]);
	memcpy(ip.bytes, via.bytes, sizeof(ip.bytes));
	return ip;
}

static struct net_route route_of(const struct rtmsg *msg, const struct nlattr *const *attrs)
{
	const struct nlattr *metrics[RTAX_MTU + 1];
	struct net_route route = {
		.type = msg->rtm_type,
		.to = scan_ip(msg->rtm_family, attrs[RTA_DST]),
		.prefix = msg->rtm_dst_len,
		.gateway = gateway_of(msg, attrs),
		.source = scan_ip(msg->rtm_family, attrs[RTA_PREFSRC]),
		.if_index = refuses(msg->rtm_type) ? 0 : (int)rtnl_u32(attrs[RTA_OIF]),
		.metric = rtnl_u32(attrs[RTA_PRIORITY]),
		.scope = msg->rtm_scope,
		.onlink = (msg->rtm_flags & RTNH_F_ONLINK) != 0,
	};

	rtnl_nested(attrs[RTA_METRICS], metrics, ARRAY_SIZE(metrics));
	route.mtu = rtnl_u32(metrics[RTAX_MTU]);
	route.to.family = msg->rtm_family;
	return route;
}

/* Not those of the kernel itself, which includes what neighbours and routers told it (IPv6). */
static bool is_own(uint8_t protocol)
{
	return protocol != RTPROT_KERNEL && protocol != RTPROT_REDIRECT && protocol != RTPROT_RA;
}

int scan_route(const struct nlmsghdr *nlh, void *userdata)
{
	const struct rtmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct scan *scan = userdata;
	struct net_state *state = scan->state;
	const struct nlattr *attrs[ROUTE_ATTRS];
	struct net_route route;
	struct net_if *nif;
	const char *why;

	if (msg->rtm_family != AF_INET && msg->rtm_family != AF_INET6)
		return MNL_CB_OK;
	rtnl_table(mnl_nlmsg_get_payload_offset(nlh, sizeof(*msg)),
		   mnl_nlmsg_get_payload_len(nlh) - NLMSG_ALIGN(sizeof(*msg)), attrs,
		   ARRAY_SIZE(attrs));
	if (table_of(msg, attrs) != RT_TABLE_MAIN || (msg->rtm_flags & RTM_F_CLONED))
		return MNL_CB_OK;
	route = route_of(msg, attrs);
	nif = net_state_if(state, route.if_index);
	if (msg->rtm_protocol == RTPROT_KERNEL && msg->rtm_type == RTN_UNICAST && nif)
		note_kernel_route(nif, &route);
	if (!is_own(msg->rtm_protocol))
		return MNL_CB_OK;
	why = obstacle(msg, attrs);
	if (why)
		return refuse(scan, &route, why);
	/* By an interface that is left out: so is its route. */
	if (!nif && !refuses(route.type))
		return MNL_CB_OK;
	if (state->n_routes == NET_ROUTES_MAX)
		return rtnl_stop(err_set(&scan->err, -E2BIG,
					 "the container has more than %d routes", NET_ROUTES_MAX));
	state->routes[state->n_routes++] = route;
	return MNL_CB_OK;
}
