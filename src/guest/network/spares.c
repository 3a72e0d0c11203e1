/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/spares.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "guest/procfs.h"

/* Descriptors of the two namespaces, and a socket in the other one. */
static int home = -EBADF, away = -EBADF;
static struct netlink netlink_away = NETLINK_NULL;

struct wanted {
	const Caisson__Guest__V1__ConfigureRequest *request;
	unsigned int indices[NICS_MAX];
	size_t n;
};

static int own_netns(void)
{
	return openat(procfs_get(), "self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Once, when there is a first one. */
static bool make(void)
{
	if (netlink_away.fd >= 0)
		return true;
	if (home < 0)
		home = own_netns();
	if (home < 0 || unshare(CLONE_NEWNET) < 0)
		return false;
	away = own_netns();
	if (away < 0 || netlink_open(&netlink_away) < 0)
		away = fd_close(away);
	/* With a descriptor of it in hand nothing can go wrong. */
	(void)setns(home, CLONE_NEWNET);
	return away >= 0;
}

static void see(void *userdata, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);
	const void *mac = netlink_attribute(message, sizeof(*link), IFLA_ADDRESS, ETH_ALEN, NULL);
	struct wanted *w = userdata;

	if (mac && nics_asked_for(w->request, mac) && w->n < NICS_MAX)
		w->indices[w->n++] = (unsigned int)link->ifi_index;
}

static int move(struct netlink *netlink, unsigned int index, int netns)
{
	return netlink_set_link(netlink, index, IFLA_NET_NS_FD, &netns, sizeof(netns));
}

void spares_fetch(const Caisson__Guest__V1__ConfigureRequest *request)
{
	struct wanted w = {.request = request};

	if (netlink_away.fd < 0 || netlink_dump(&netlink_away, RTM_GETLINK, see, &w) < 0)
		return;
	for (size_t i = 0; i < w.n; i++)
		(void)move(&netlink_away, w.indices[i], home);
}

/* By a name that no other one has there. */
static void put_away(const struct nic *nic, struct netlink *netlink)
{
	const unsigned char *mac = nic->original;
	char name[IFNAMSIZ];

	(void)snprintf(name, sizeof(name), "n%02x%02x%02x%02x%02x%02x", mac[0], mac[1], mac[2],
		       mac[3], mac[4], mac[5]);
	if (netlink_set_link(netlink, nic->index, IFLA_ADDRESS, mac, ETH_ALEN) == 0 &&
	    netlink_set_link(netlink, nic->index, IFLA_IFNAME, name, strlen(name) + 1) == 0)
		(void)move(netlink, nic->index, away);
}

void spares_put_away(const struct nics *nics, struct netlink *netlink)
{
	for (size_t i = 0; i < nics->n; i++)
		if (!nics->all[i].wanted && make())
			put_away(&nics->all[i], netlink);
}
