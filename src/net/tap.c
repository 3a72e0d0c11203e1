/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "net/rtnl.h"

#define TUN_DEVICE "/dev/net/tun"

static int change_link(struct nlmsghdr *request)
{
	_cleanup_(mnl_socket_close) struct mnl_socket *nl = NULL;
	int r = rtnl_open(&nl);

	return r < 0 ? r : rtnl_do(nl, request);
}

static struct nlmsghdr *link_request(void *buf, int index, uint32_t flags, uint32_t change)
{
	struct nlmsghdr *nlh = rtnl_request(buf, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	struct ifinfomsg *link = mnl_nlmsg_get_payload(nlh);

	link->ifi_index = index;
	link->ifi_flags = flags;
	link->ifi_change = change;
	return nlh;
}

int net_link_set(int index, uint32_t mtu, bool up, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQUEST_MAX];
	struct nlmsghdr *nlh = link_request(buf, index, up ? IFF_UP : 0, IFF_UP);
	char name[RTNL_NAME_MAX];
	int r;

	if (mtu != 0)
		mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	r = change_link(nlh);
	if (r < 0)
		return err_errno(err, r, "cannot set network interface %s %s%s",
				 rtnl_name(index, name), up ? "up" : "down",
				 mtu != 0 ? ", or its MTU" : "");
	return 0;
}

/* Once up, it would have a link-local address, and look for routers: in the guest. */
static int have_no_address(int index)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQUEST_MAX];
	struct nlmsghdr *nlh = link_request(buf, index, 0, 0);
	struct nlattr *families = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	int r;

	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, families);
	r = change_link(nlh);
	/* A kernel without IPv6. */
	return r == -EAFNOSUPPORT ? 0 : r;
}

static int make_tap(int fd, char ret_name[IFNAMSIZ], int *ret_index)
{
	struct ifreq request = {
		.ifr_name = NET_TAP_PREFIX "%d",
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
	};
	unsigned int index;

	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return -errno;
	index = if_nametoindex(request.ifr_name);
	if (index == 0)
		return -errno;
	memcpy(ret_name, request.ifr_name, IFNAMSIZ);
	*ret_index = (int)index;
	return have_no_address(*ret_index);
}

int net_tap_open(char ret_name[IFNAMSIZ], int *ret_index, struct err *err)
{
	_cleanup_close_ int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(err, -errno,
				 "cannot open " TUN_DEVICE
				 ", which the VM's network needs (modprobe tun)");
	r = make_tap(fd, ret_name, ret_index);
	if (r < 0)
		return err_errno(err, r, "cannot make a tap for the VM's network");
	return take_fd(fd);
}

int net_tap_let_go(int fd, uid_t owner, struct err *err)
{
	int r = ioctl(fd, TUNSETOWNER, (unsigned long)owner) < 0 ||
				ioctl(fd, TUNSETPERSIST, 1UL) < 0
			? -errno
			: 0;

	(void)fd_close(fd);
	return r < 0 ? err_errno(err, r, "cannot make a tap that stays for the VM") : 0;
}

void net_tap_remove(int index)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQUEST_MAX];
	struct nlmsghdr *nlh = rtnl_request(buf, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
	struct ifinfomsg *link = mnl_nlmsg_get_payload(nlh);

	link->ifi_index = index;
	(void)change_link(nlh);
}
