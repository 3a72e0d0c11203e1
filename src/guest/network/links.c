/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/links.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "guest/network/network-check.h"
#include "guest/procfs.h"

static int set_up(struct netlink *netlink, struct nic *nic, bool up, struct err *err)
{
	int r = nic->up == up ? 0 : netlink_set_up(netlink, nic->index, up);

	if (r < 0)
		return err_errno(err, r, "%s: cannot set it %s", nic->name, up ? "up" : "down");
	nic->up = up;
	return 0;
}

/* Not while it is up. */
static int rename_nic(struct netlink *netlink, struct nic *nic, const char *name, struct err *err)
{
	int r = set_up(netlink, nic, false, err);

	if (r < 0)
		return r;
	r = netlink_set_link(netlink, nic->index, IFLA_IFNAME, name, strlen(name) + 1);
	if (r < 0)
		return err_errno(err, r, "%s: cannot give this name to %s", name, nic->name);
	strcpy(nic->name, name);
	return 0;
}

static bool has_name(const struct nics *nics, const char *name)
{
	for (size_t i = 0; i < nics->n; i++)
		if (strcmp(nics->all[i].name, name) == 0)
			return true;
	return false;
}

/* Who has a name that another one is to have gets one that nobody has, for now or for good. */
static int make_room(struct nics *nics, struct netlink *netlink, struct nic *nic,
		     const Caisson__Guest__V1__ConfigureRequest *request, struct err *err)
{
	const Caisson__Guest__V1__Interface *other = network_interface(request, nic->name);
	unsigned int n = 0;
	char name[IFNAMSIZ];

	if (!other || other == nic->wanted)
		return 0;
	do
		(void)snprintf(name, sizeof(name), "nic%u", n++);
	while (has_name(nics, name) || network_interface(request, name));
	return rename_nic(netlink, nic, name, err);
}

static int set_mac(struct netlink *netlink, struct nic *nic, struct err *err)
{
	const Caisson__Guest__V1__Interface *wanted = nic->wanted;
	const void *mac = wanted->mac.len > 0 ? wanted->mac.data : wanted->nic.data;
	int r;

	if (memcmp(nic->mac, mac, ETH_ALEN) == 0)
		return 0;
	/* Some drivers want that. */
	r = set_up(netlink, nic, false, err);
	if (r < 0)
		return r;
	r = netlink_set_link(netlink, nic->index, IFLA_ADDRESS, mac, ETH_ALEN);
	return r < 0 ? err_errno(err, r, "%s: cannot set its MAC address", nic->name) : 0;
}

static int set_mtu(struct netlink *netlink, struct nic *nic, struct err *err)
{
	uint32_t mtu = nic->wanted->mtu;
	int r;

	if (mtu == 0 || mtu == nic->mtu)
		return 0;
	r = netlink_set_link(netlink, nic->index, IFLA_MTU, &mtu, sizeof(mtu));
	return r < 0 ? err_errno(err, r, "%s: cannot set its MTU to %u", nic->name, mtu) : 0;
}

static int write_setting(const char *path, char value)
{
	_cleanup_close_ int fd = openat(procfs_get(), path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, &value, 1) < 0 ? -errno : 0;
}

/* Nothing comes by itself: neither what routers advertise, nor an address for this link. */
static int set_ipv6(const struct nic *nic, struct err *err)
{
	static const struct {
		const char *name;
		char value;
	} settings[] = {{"accept_ra", '0'}, {"addr_gen_mode", '1'}};
	int r = procfs_get();

	for (size_t i = 0; i < ARRAY_SIZE(settings) && r >= 0; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "sys/net/ipv6/conf/%s/%s", nic->name,
			       settings[i].name);
		r = write_setting(path, settings[i].value);
		/* A kernel without IPv6. */
		if (r == -ENOENT)
			return 0;
	}
	return r < 0 ? err_errno(err, r, "%s: cannot set up IPv6", nic->name) : 0;
}

static int configure_one(struct netlink *netlink, struct nic *nic, struct err *err)
{
	int r = set_mac(netlink, nic, err);

	if (r == 0)
		r = set_mtu(netlink, nic, err);
	if (r == 0)
		r = set_ipv6(nic, err);
	return r == 0 ? set_up(netlink, nic, true, err) : r;
}

int links_configure(struct nics *nics, struct netlink *netlink,
		    const Caisson__Guest__V1__ConfigureRequest *request, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < nics->n && r == 0; i++) {
		r = make_room(nics, netlink, &nics->all[i], request, err);
		if (r == 0 && !nics->all[i].wanted)
			r = set_up(netlink, &nics->all[i], false, err);
	}
	for (size_t i = 0; i < nics->n && r == 0; i++) {
		struct nic *nic = &nics->all[i];

		if (nic->wanted && strcmp(nic->name, nic->wanted->name) != 0)
			r = rename_nic(netlink, nic, nic->wanted->name, err);
		if (nic->wanted && r == 0)
			r = configure_one(netlink, nic, err);
	}
	return r;
}
