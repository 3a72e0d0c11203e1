/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/nics.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#include "base/macro.h"

struct reading {
	struct nics *nics;
	const Caisson__Guest__V1__ConfigureRequest *request;
	bool full;
};

struct nic *nics_find(struct nics *nics, unsigned int index)
{
	for (size_t i = 0; i < nics->n; i++)
		if (nics->all[i].index == index)
			return &nics->all[i];
	return NULL;
}

static struct nic *find_original(struct nics *nics, const void *mac)
{
	for (size_t i = 0; i < nics->n; i++)
		if (memcmp(nics->all[i].original, mac, ETH_ALEN) == 0)
			return &nics->all[i];
	return NULL;
}

bool nics_asked_for(const Caisson__Guest__V1__ConfigureRequest *request, const void *mac)
{
	for (size_t i = 0; i < request->n_interfaces; i++)
		if (memcmp(request->interfaces[i]->nic.data, mac, ETH_ALEN) == 0)
			return true;
	return false;
}

static const void *attribute(const struct nlmsghdr *message, unsigned short type, size_t min)
{
	return netlink_attribute(message, sizeof(struct ifinfomsg), type, min, NULL);
}

/*
 * Devices have no kind; bridges, VLANs and the like have one, and often the address of a NIC that is
 * known already.
 */
static struct nic *add(struct reading *reading, const struct nlmsghdr *message, const void *mac)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);
	struct nics *nics = reading->nics;
	struct nic *nic;

	if (attribute(message, IFLA_LINKINFO, 0) &&
	    (find_original(nics, mac) || !nics_asked_for(reading->request, mac)))
		return NULL;
	reading->full |= nics->n == NICS_MAX;
	if (nics->n == NICS_MAX)
		return NULL;
	nic = &nics->all[nics->n++];
	*nic = (struct nic){.index = (unsigned int)link->ifi_index};
	memcpy(nic->original, mac, ETH_ALEN);
	return nic;
}

static void see(void *userdata, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);
	struct reading *reading = userdata;
	const void *mac = attribute(message, IFLA_ADDRESS, ETH_ALEN);
	const char *name = attribute(message, IFLA_IFNAME, 1);
	const uint32_t *mtu = attribute(message, IFLA_MTU, sizeof(*mtu));
	struct nic *nic;

	if (link->ifi_type != ARPHRD_ETHER || !mac || !name || !mtu)
		return;
	nic = nics_find(reading->nics, (unsigned int)link->ifi_index);
	if (!nic)
		nic = add(reading, message, mac);
	if (!nic)
		return;
	memcpy(nic->mac, mac, ETH_ALEN);
	memcpy(nic->name, name, strnlen(name, IFNAMSIZ - 1) + 1);
	nic->name[IFNAMSIZ - 1] = '\0';
	nic->mtu = *mtu;
	nic->up = link->ifi_flags & IFF_UP;
	nic->seen = true;
}

static void forget_gone(struct nics *nics)
{
	size_t kept = 0;

	for (size_t i = 0; i < nics->n; i++)
		if (nics->all[i].seen)
			nics->all[kept++] = nics->all[i];
	nics->n = kept;
}

static int assign(struct nics *nics, const Caisson__Guest__V1__ConfigureRequest *request,
		  struct err *err)
{
	for (size_t i = 0; i < request->n_interfaces; i++) {
		const uint8_t *mac = request->interfaces[i]->nic.data;
		struct nic *nic = find_original(nics, mac);

		if (!nic)
			return err_set(err, -ENOENT,
				       "interfaces[%zu].nic: there is no "
				       "%02x:%02x:%02x:%02x:%02x:%02x",
				       i, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
		nic->wanted = request->interfaces[i];
	}
	return 0;
}

int nics_read(struct nics *nics, struct netlink *netlink,
	      const Caisson__Guest__V1__ConfigureRequest *request, struct err *err)
{
	struct reading reading = {.nics = nics, .request = request};
	int r;

	for (size_t i = 0; i < nics->n; i++) {
		nics->all[i].seen = false;
		nics->all[i].wanted = NULL;
	}
	r = netlink_dump(netlink, RTM_GETLINK, see, &reading);
	if (r < 0)
		return err_errno(err, r, "cannot list the network interfaces");
	forget_gone(nics);
	if (reading.full)
		return err_set(err, -ENOSPC, "there are more than %d network interfaces", NICS_MAX);
	return assign(nics, request, err);
}
