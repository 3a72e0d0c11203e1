/* SPDX-License-Identifier: Apache-2.0 */
#include "net/scan.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <string.h>
#include <sys/socket.h>

#include "net/rtnl.h"
#include "net/tap.h"

#define SCAN_TRIES 16

struct net_ip scan_ip(uint8_t family, const struct nlattr *attr)
{
	struct net_ip ip = {.family = family};

	if (rtnl_copy(attr, ip.bytes, family == AF_INET ? 4 : 16))
		return ip;
	return (struct net_ip){0};
}

static bool is_our_tap(const struct nlattr *const *attrs, const char *name)
{
	const struct nlattr *info[IFLA_INFO_KIND + 1];

	rtnl_nested(attrs[IFLA_LINKINFO], info, ARRAY_SIZE(info));
	return rtnl_is(info[IFLA_INFO_KIND], "tun") &&
	       strncmp(name, NET_TAP_PREFIX, strlen(NET_TAP_PREFIX)) == 0;
}

/*
 * A VM's interface is an Ethernet one. What is none has another type: lo, tun, sit0, ip6tnl0,
 * tunl0, gre0. gretap0 and erspan0 do have the type, but no address until they are used; these, as
 * most of the others, the kernel puts into each new namespace once it has the module. A port of a
 * bridge or bond sends and receives nothing of its own: its master does.
 */
static bool carries_traffic(const struct ifinfomsg *link, const struct nlattr *const *attrs,
			    uint8_t mac[NET_MAC_LEN])
{
	static const uint8_t none[NET_MAC_LEN];

	return link->ifi_type == ARPHRD_ETHER && !attrs[IFLA_MASTER] &&
	       rtnl_copy(attrs[IFLA_ADDRESS], mac, NET_MAC_LEN) &&
	       memcmp(mac, none, sizeof(none)) != 0;
}

int scan_link(const struct nlmsghdr *nlh, void *userdata)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(nlh);
	struct scan *scan = userdata;
	struct net_state *state = scan->state;
	const struct nlattr *attrs[IFLA_LINKINFO + 1];
	struct net_if found = {
		.index = link->ifi_index,
		.up = (link->ifi_flags & IFF_UP) != 0,
	};

	rtnl_table(mnl_nlmsg_get_payload_offset(nlh, sizeof(*link)),
		   mnl_nlmsg_get_payload_len(nlh) - NLMSG_ALIGN(sizeof(*link)), attrs,
		   ARRAY_SIZE(attrs));
	if (!carries_traffic(link, attrs, found.mac) || !attrs[IFLA_IFNAME])
		return MNL_CB_OK;
	strncpy(found.name, mnl_attr_get_str(attrs[IFLA_IFNAME]), sizeof(found.name) - 1);
	if (is_our_tap(attrs, found.name))
		return MNL_CB_OK;
	found.mtu = rtnl_u32(attrs[IFLA_MTU]);
	if (state->n_ifs == NET_IFS_MAX)
		return rtnl_stop(err_set(&scan->err, -E2BIG,
					 "the container has more than %d network interfaces",
					 NET_IFS_MAX));
	scan->flags[state->n_ifs] = link->ifi_flags;
	state->ifs[state->n_ifs++] = found;
	return MNL_CB_OK;
}

/* All have a header that is zeros: of all families. */
static const struct {
	uint16_t type;
	size_t header_len;
	mnl_cb_t each;
	const char *what;
} lists[] = {
	{RTM_GETLINK, sizeof(struct ifinfomsg), scan_link, "network interfaces"},
	{RTM_GETADDR, sizeof(struct ifaddrmsg), scan_addr, "network addresses"},
	{RTM_GETROUTE, sizeof(struct rtmsg), scan_route, "routes"},
};

static int scan_list(struct scan *scan, struct mnl_socket *nl, size_t i)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQUEST_MAX];
	int r = rtnl_dump(nl, rtnl_request(buf, lists[i].type, 0, lists[i].header_len),
			  lists[i].each, scan);

	if (r == 0 || r == -EINTR || scan->err.code != 0)
		return r;
	return err_errno(&scan->err, r, "cannot list the container's %s", lists[i].what);
}

/* With a socket of its own: one that was interrupted has answers left. */
static int scan_once(struct scan *scan)
{
	_cleanup_(mnl_socket_close) struct mnl_socket *nl = NULL;
	int r = rtnl_open(&nl);

	if (r < 0)
		return err_errno(&scan->err, r,
				 "cannot ask the kernel for the container's network");
	memset(scan->state, 0, sizeof(*scan->state));
	for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0; i++)
		r = scan_list(scan, nl, i);
	return r;
}

int net_scan(struct net_state *ret, struct err *err)
{
	struct scan scan = {.state = ret, .err = ERR_NULL};
	int r = -EINTR;

	for (int i = 0; i < SCAN_TRIES && r == -EINTR; i++)
		r = scan_once(&scan);
	if (r == -EINTR)
		return err_set(err, -EAGAIN,
			       "the container's network changes faster than it can be read");
	return r < 0 ? err_set(err, r, "%s", scan.err.text) : 0;
}
