/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/if_addr.h>
#include <string.h>
#include <sys/socket.h>

#include "net/rtnl.h"
#include "net/scan.h"

/*
 * The link-local address that a kernel makes for a MAC address, unless told otherwise (RFC 4291,
 * App. A).
 */
static bool is_made_of_mac(const struct net_ip *ip, const uint8_t mac[NET_MAC_LEN])
{
	const uint8_t made[16] = {0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2],
				  0xff, 0xfe, mac[3],		mac[4], mac[5]};

	return ip->family == AF_INET6 && memcmp(ip->bytes, made, sizeof(made)) == 0;
}

/*
 * Whether the guest's kernel makes it as well. Since 5.18 kernels say who made an address. Before,
 * link-local ones are known by the MAC address in them, and what router advertisements gave by a
 * flag.
 */
static bool made_by_kernel(const struct net_ip *ip, const struct nlattr *const *attrs,
			   uint32_t flags, const uint8_t mac[NET_MAC_LEN])
{
	uint8_t by = 0;

	(void)rtnl_copy(attrs[IFA_PROTO], &by, sizeof(by));
	if (by == IFAPROT_KERNEL_LL || by == IFAPROT_KERNEL_RA || is_made_of_mac(ip, mac))
		return true;
	return ip->family == AF_INET6 && (flags & (IFA_F_MANAGETEMPADDR | IFA_F_TEMPORARY)) != 0;
}

/* While there is no carrier the kernel has no route that would say it: scan_route(). */
static bool expects_prefix_route(uint32_t if_flags, uint32_t flags)
{
	const uint32_t running = IFF_UP | IFF_RUNNING;

	return (if_flags & running) != running && !(flags & IFA_F_NOPREFIXROUTE);
}

int scan_addr(const struct nlmsghdr *nlh, void *userdata)
{
	const struct ifaddrmsg *addr = mnl_nlmsg_get_payload(nlh);
	struct scan *scan = userdata;
	struct net_if *nif = net_state_if(scan->state, (int)addr->ifa_index);
	const struct nlattr *attrs[IFA_PROTO + 1];
	struct net_addr found = {.prefix = addr->ifa_prefixlen, .scope = addr->ifa_scope};
	uint32_t flags;

	if (!nif || (addr->ifa_family != AF_INET && addr->ifa_family != AF_INET6))
		return MNL_CB_OK;
	rtnl_table(mnl_nlmsg_get_payload_offset(nlh, sizeof(*addr)),
		   mnl_nlmsg_get_payload_len(nlh) - NLMSG_ALIGN(sizeof(*addr)), attrs,
		   ARRAY_SIZE(attrs));
	flags = attrs[IFA_FLAGS] ? rtnl_u32(attrs[IFA_FLAGS]) : addr->ifa_flags;
	/* IFA_ADDRESS is the other end's, if there is one; IPv6 has IFA_LOCAL only then. */
	found.ip = scan_ip(addr->ifa_family, attrs[attrs[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS]);
	found.peer = scan_ip(addr->ifa_family, attrs[IFA_ADDRESS]);
	if (memcmp(&found.peer, &found.ip, sizeof(found.ip)) == 0)
		found.peer = (struct net_ip){0};
	if (made_by_kernel(&found.ip, attrs, flags, nif->mac))
		return MNL_CB_OK;
	found.prefix_route = expects_prefix_route(scan->flags[nif - scan->state->ifs], flags);
	if (nif->n_addrs == NET_ADDRS_MAX)
		return rtnl_stop(err_set(&scan->err, -E2BIG,
					 "the container's interface %s has more than %d addresses",
					 nif->name, NET_ADDRS_MAX));
	nif->addrs[nif->n_addrs++] = found;
	return MNL_CB_OK;
}
