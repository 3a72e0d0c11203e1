/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/netlink.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macro.h"

#define DUMP_TRIES 8
/* The kernel fills no more than this, see netlink_dump() in its af_netlink.c, unless one is larger. */
#define DUMP_MAX 16384

/* The largest body, and five attributes of the largest kind. */
struct request {
	struct nlmsghdr header;
	union {
		struct rtgenmsg all;
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
	};
	char attributes[5 * RTA_SPACE(sizeof(struct in6_addr))];
};

static_assert(IFNAMSIZ <= sizeof(struct in6_addr), "netlink_set_link() has room for a name");

static void add_attribute(struct request *request, unsigned short type, const void *data,
			  size_t len)
{
	size_t at = NLMSG_ALIGN(request->header.nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)((char *)request + at);

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(attribute), data, len);
	request->header.nlmsg_len = (uint32_t)(at + RTA_SPACE(len));
}

static void add_address(struct request *request, unsigned short type, const struct netaddr *address)
{
	if (address->family != AF_UNSPEC)
		add_attribute(request, type, address->bytes, netaddr_len(address));
}

static struct request new_request(unsigned short type, unsigned short flags, size_t body)
{
	return (struct request){
		.header =
			{
				.nlmsg_len = (uint32_t)NLMSG_LENGTH(body),
				.nlmsg_type = type,
				.nlmsg_flags = flags,
			},
	};
}

static int begin(struct netlink *netlink, struct nlmsghdr *message, unsigned short flags)
{
	message->nlmsg_seq = ++netlink->sequence;
	message->nlmsg_flags |= (unsigned short)(NLM_F_REQUEST | flags);
	return send(netlink->fd, message, message->nlmsg_len, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* From the kernel, and nobody else. Return: as long as it was, though no more than @size is there. */
static ssize_t receive(struct netlink *netlink, void *data, size_t size)
{
	struct sockaddr_nl from = {.nl_pid = 0};
	ssize_t n;

	do {
		socklen_t len = sizeof(from);

		n = recvfrom(netlink->fd, data, size, MSG_DONTWAIT | MSG_TRUNC,
			     (struct sockaddr *)&from, &len);
		if (n < 0)
			return -errno;
	} while (from.nl_pid != 0);
	return n;
}

int netlink_ask(struct netlink *netlink, struct nlmsghdr *message)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[256];
	} answer;
	int r = begin(netlink, message, NLM_F_ACK);

	if (r < 0)
		return r;
	do {
		ssize_t n = receive(netlink, &answer, sizeof(answer));

		if (n < 0)
			return (int)n;
		if ((size_t)n < sizeof(answer.header) + sizeof(answer.error))
			return -EPROTO;
	} while (answer.header.nlmsg_seq != netlink->sequence ||
		 answer.header.nlmsg_type != NLMSG_ERROR);
	return answer.error.error;
}

int netlink_open(struct netlink *netlink)
{
	netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	netlink->sequence = 0;
	return netlink->fd < 0 ? -errno : 0;
}

void netlink_close(struct netlink *netlink)
{
	netlink->fd = fd_close(netlink->fd);
}

int netlink_set_loopback_up(struct netlink *netlink)
{
	unsigned int lo = if_nametoindex("lo");

	return lo ? netlink_set_up(netlink, lo, true) : -ENODEV;
}

int netlink_set_up(struct netlink *netlink, unsigned int index, bool up)
{
	struct request request = new_request(RTM_NEWLINK, 0, sizeof(request.link));

	request.link.ifi_index = (int)index;
	request.link.ifi_flags = up ? IFF_UP : 0;
	request.link.ifi_change = IFF_UP;
	return netlink_ask(netlink, &request.header);
}

int netlink_set_link(struct netlink *netlink, unsigned int index, unsigned short attribute,
		     const void *data, size_t len)
{
	struct request request = new_request(RTM_NEWLINK, 0, sizeof(request.link));

	request.link.ifi_index = (int)index;
	add_attribute(&request, attribute, data, len);
	return netlink_ask(netlink, &request.header);
}

/* As engines and the kernel's own ip= give it to interfaces. */
static void add_broadcast(struct request *request, const struct netaddr *address,
			  unsigned int prefix)
{
	uint32_t all;

	if (address->family != AF_INET || prefix > 30)
		return;
	memcpy(&all, address->bytes, sizeof(all));
	all |= htonl(UINT32_MAX >> prefix);
	add_attribute(request, IFA_BROADCAST, &all, sizeof(all));
}

int netlink_add_address(struct netlink *netlink, unsigned int index, const struct netaddr *address,
			unsigned int prefix)
{
	struct request request =
		new_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(request.address));
	int r;

	request.address.ifa_family = (unsigned char)address->family;
	request.address.ifa_prefixlen = (unsigned char)prefix;
	request.address.ifa_index = index;
	/* Whoever gave us the address knows that it is ours; probing would take seconds. */
	if (address->family == AF_INET6)
		request.address.ifa_flags = IFA_F_NODAD;
	add_address(&request, IFA_LOCAL, address);
	add_address(&request, IFA_ADDRESS, address);
	add_broadcast(&request, address, prefix);
	r = netlink_ask(netlink, &request.header);
	return r == -EEXIST ? 0 : r;
}

int netlink_add_route(struct netlink *netlink, const struct netlink_route *route)
{
	struct request request = new_request(RTM_NEWROUTE, NLM_F_CREATE, sizeof(request.route));
	bool direct = route->gateway.family == AF_UNSPEC;

	request.route.rtm_family = (unsigned char)route->destination.family;
	request.route.rtm_dst_len = (unsigned char)route->prefix;
	request.route.rtm_table = RT_TABLE_MAIN;
	request.route.rtm_protocol = RTPROT_BOOT;
	request.route.rtm_scope = direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	request.route.rtm_type = RTN_UNICAST;
	request.route.rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
	if (route->prefix > 0)
		add_address(&request, RTA_DST, &route->destination);
	add_address(&request, RTA_GATEWAY, &route->gateway);
	add_address(&request, RTA_PREFSRC, &route->source);
	add_attribute(&request, RTA_OIF, &route->index, sizeof(route->index));
	if (route->metric > 0)
		add_attribute(&request, RTA_PRIORITY, &route->metric, sizeof(route->metric));
	return netlink_ask(netlink, &request.header);
}

const void *netlink_attribute(const struct nlmsghdr *message, size_t body, unsigned short type,
			      size_t min, size_t *ret_len)
{
	size_t at = NLMSG_SPACE(body), len;

	for (; at + sizeof(struct rtattr) <= message->nlmsg_len; at += RTA_ALIGN(len)) {
		const struct rtattr *attribute = (const void *)((const char *)message + at);

		len = attribute->rta_len;
		if (len < sizeof(*attribute) || at + len > message->nlmsg_len)
			return NULL;
		if (attribute->rta_type != type || len < RTA_LENGTH(min))
			continue;
		if (ret_len)
			*ret_len = len - RTA_LENGTH(0);
		return RTA_DATA(attribute);
	}
	return NULL;
}

static void read_address(const struct nlmsghdr *message, unsigned short type, int family,
			 struct netaddr *ret)
{
	const void *data;

	ret->family = family;
	data = netlink_attribute(message, sizeof(struct rtmsg), type, netaddr_len(ret), NULL);
	(void)netaddr_set(ret, data, data ? netaddr_len(ret) : 0);
}

bool netlink_read_route(const struct nlmsghdr *message, struct netlink_route *ret)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	const uint32_t *index = netlink_attribute(message, sizeof(*route), RTA_OIF, 4, NULL);
	const uint32_t *metric = netlink_attribute(message, sizeof(*route), RTA_PRIORITY, 4, NULL);

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*route)) || !index ||
	    (route->rtm_family != AF_INET && route->rtm_family != AF_INET6) ||
	    route->rtm_table != RT_TABLE_MAIN || route->rtm_type != RTN_UNICAST)
		return false;
	*ret = (struct netlink_route){
		.index = *index,
		.prefix = route->rtm_dst_len,
		.metric = metric ? *metric : 0,
		.onlink = route->rtm_flags & RTNH_F_ONLINK,
	};
	read_address(message, RTA_DST, route->rtm_family, &ret->destination);
	ret->destination.family = route->rtm_family;
	read_address(message, RTA_GATEWAY, route->rtm_family, &ret->gateway);
	read_address(message, RTA_PREFSRC, route->rtm_family, &ret->source);
	return true;
}

/* Return: 1: there is more; 0 or negative errno. */
static int each_message(struct netlink *netlink, bool *interrupted,
			void (*each)(void *userdata, const struct nlmsghdr *message),
			void *userdata)
{
	static union {
		struct nlmsghdr first;
		char bytes[DUMP_MAX];
	} buffer;
	ssize_t n = receive(netlink, &buffer, sizeof(buffer));
	const struct nlmsghdr *message = &buffer.first;
	size_t left = (size_t)n;

	if (n < 0)
		return (int)n;
	if (left > sizeof(buffer))
		return -EMSGSIZE;
	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_seq != netlink->sequence)
			continue;
		*interrupted |= message->nlmsg_flags & NLM_F_DUMP_INTR;
		if (message->nlmsg_type == NLMSG_DONE)
			return 0;
		if (message->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(message))->error;
		each(userdata, message);
	}
	return 1;
}

int netlink_dump(struct netlink *netlink, unsigned short type,
		 void (*each)(void *userdata, const struct nlmsghdr *message), void *userdata)
{
	bool interrupted = true;
	int r = 0;

	for (int i = 0; i < DUMP_TRIES && interrupted && r == 0; i++) {
		struct request request = new_request(type, 0, sizeof(request.all));

		interrupted = false;
		r = begin(netlink, &request.header, NLM_F_DUMP);
		if (r == 0)
			do
				r = each_message(netlink, &interrupted, each, userdata);
			while (r == 1);
	}
	return r == 0 && interrupted ? -EAGAIN : r;
}
