/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/addresses.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "guest/network/sweep.h"

static bool is_wanted(const Caisson__Guest__V1__Interface *interface, const void *ip, size_t len,
		      unsigned int prefix)
{
	for (size_t i = 0; interface && i < interface->n_addresses; i++) {
		const Caisson__Guest__V1__Address *address = interface->addresses[i];

		if (address->ip.len == len && address->prefix == prefix &&
		    memcmp(address->ip.data, ip, len) == 0)
			return true;
	}
	return false;
}

/* IPv6 has IFA_LOCAL for those with a peer only, IPv4 for all. */
static const struct nic *owner(void *userdata, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *address = NLMSG_DATA(message);
	const struct nic *nic = nics_find(userdata, address->ifa_index);
	size_t len;
	const void *ip = netlink_attribute(message, sizeof(*address), IFA_LOCAL, 0, &len);

	if (!ip)
		ip = netlink_attribute(message, sizeof(*address), IFA_ADDRESS, 0, &len);
	if (!nic || !ip || is_wanted(nic->wanted, ip, len, address->ifa_prefixlen))
		return NULL;
	return nic;
}

static int add(const struct nic *nic, struct netlink *netlink,
	       const Caisson__Guest__V1__Address *address, struct err *err)
{
	char text[INET6_ADDRSTRLEN];
	struct netaddr ip;
	int r;

	(void)netaddr_set(&ip, address->ip.data, address->ip.len);
	r = netlink_add_address(netlink, nic->index, &ip, address->prefix);
	if (r < 0)
		return err_errno(err, r, "%s: cannot add %s/%u", nic->name, netaddr_text(&ip, text),
				 address->prefix);
	return 0;
}

int addresses_configure(struct nics *nics, struct netlink *netlink, struct err *err)
{
	int r = sweep(netlink, RTM_GETADDR, "an address", owner, nics, err);

	for (size_t i = 0; i < nics->n; i++) {
		const Caisson__Guest__V1__Interface *wanted = nics->all[i].wanted;

		for (size_t k = 0; wanted && k < wanted->n_addresses && r == 0; k++)
			r = add(&nics->all[i], netlink, wanted->addresses[k], err);
	}
	return r;
}
