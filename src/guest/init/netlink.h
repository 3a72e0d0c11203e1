/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "guest/init/netconf.h"

/*
 * Links, addresses and routes over rtnetlink(7). The kernel does what is asked within send(), and
 * its answer is there when that returns: nothing here waits. What is there already is no error.
 */

struct netlink {
	int fd;
	uint32_t sequence;
};

#define NETLINK_NULL                        \
	{                                   \
		.fd = -EBADF, .sequence = 0 \
	}

/** netlink_open() - Return: 0 or negative errno */
int netlink_open(struct netlink *netlink);

/** netlink_close() - may be called again */
void netlink_close(struct netlink *netlink);

/** netlink_set_up() - @index: of if_nametoindex(). Return: 0 or negative errno. */
int netlink_set_up(struct netlink *netlink, unsigned int index);

/** netlink_add_address() - with the route to its network. Return: 0 or negative errno. */
int netlink_add_address(struct netlink *netlink, unsigned int index, const struct netaddr *address,
			unsigned int prefix);

/**
 * netlink_add_default_route() - send all else there
 * @gateway: may be outside of the device's own network
 *
 * Return: 0 or negative errno.
 */
int netlink_add_default_route(struct netlink *netlink, unsigned int index,
			      const struct netaddr *gateway);
