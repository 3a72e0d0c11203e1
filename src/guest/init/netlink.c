/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/fd.h"

/* The largest body, and three attributes of the largest kind. */
struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
	};
	char attributes[3 * RTA_SPACE(sizeof(struct in6_addr))];
};

static size_t address_len(const struct netaddr *address)
{
	return address->family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
}

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

static struct request new_request(unsigned short type, unsigned short flags, size_t body)
{
	return (struct request){
		.header =
			{
				.nlmsg_len = (uint32_t)NLMSG_LENGTH(body),
				.nlmsg_type = type,
				.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags),
			},
	};
}

static int transact(struct netlink *netlink, struct request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[256];
	} answer;
	ssize_t n;

	request->header.nlmsg_seq = ++netlink->sequence;
	n = send(netlink->fd, request, request->header.nlmsg_len, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	do {
		n = recv(netlink->fd, &answer, sizeof(answer), MSG_DONTWAIT);
		if (n < 0)
			return -errno;
		if ((size_t)n < sizeof(answer.header) + sizeof(answer.error))
			return -EPROTO;
	} while (answer.header.nlmsg_seq != netlink->sequence ||
		 answer.header.nlmsg_type != NLMSG_ERROR);
	return answer.error.error == -EEXIST ? 0 : answer.error.error;
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

int netlink_set_up(struct netlink *netlink, unsigned int index)
{
	struct request request = new_request(RTM_NEWLINK, 0, sizeof(request.link));

	request.link.ifi_index = (int)index;
	request.link.ifi_flags = IFF_UP;
	request.link.ifi_change = IFF_UP;
	return transact(netlink, &request);
}

int netlink_add_address(struct netlink *netlink, unsigned int index, const struct netaddr *address,
			unsigned int prefix)
{
	struct request request =
		new_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(request.address));

	request.address.ifa_family = (unsigned char)address->family;
	request.address.ifa_prefixlen = (unsigned char)prefix;
	request.address.ifa_index = index;
	/* Whoever gave us the address knows that it is ours; probing would take seconds. */
	if (address->family == AF_INET6)
		request.address.ifa_flags = IFA_F_NODAD;
	add_attribute(&request, IFA_LOCAL, address->bytes, address_len(address));
	add_attribute(&request, IFA_ADDRESS, address->bytes, address_len(address));
	return transact(netlink, &request);
}

int netlink_add_default_route(struct netlink *netlink, unsigned int index,
			      const struct netaddr *gateway)
{
	struct request request =
		new_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(request.route));

	request.route.rtm_family = (unsigned char)gateway->family;
	request.route.rtm_table = RT_TABLE_MAIN;
	request.route.rtm_protocol = RTPROT_BOOT;
	request.route.rtm_scope = RT_SCOPE_UNIVERSE;
	request.route.rtm_type = RTN_UNICAST;
	/* Also from an address that is a network of its own, as many clouds give them. */
	request.route.rtm_flags = RTNH_F_ONLINK;
	add_attribute(&request, RTA_GATEWAY, gateway->bytes, address_len(gateway));
	add_attribute(&request, RTA_OIF, &index, sizeof(index));
	return transact(netlink, &request);
}
