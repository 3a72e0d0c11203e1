/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest/network/netaddr.h"

/*
 * Links, addresses and routes over rtnetlink(7). The kernel does what is asked within send(), and
 * its answer is there when that returns: nothing here waits.
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

/** netlink_set_loopback_up() - "lo", which then has its addresses. Return: 0 or negative errno. */
int netlink_set_loopback_up(struct netlink *netlink);

/**
 * netlink_set_up() - set a link up or down
 * @index: of if_nametoindex()
 * @up: down otherwise
 *
 * Return: 0 or negative errno.
 */
int netlink_set_up(struct netlink *netlink, unsigned int index, bool up);

/**
 * netlink_set_link() - change something about a link
 * @attribute: IFLA_IFNAME and the like
 * @len: at most IFNAMSIZ
 *
 * Return: 0 or negative errno.
 */
int netlink_set_link(struct netlink *netlink, unsigned int index, unsigned short attribute,
		     const void *data, size_t len);

/**
 * netlink_add_address() - with the route to its network
 *
 * Return: 0, also when it is there already, or negative errno.
 */
int netlink_add_address(struct netlink *netlink, unsigned int index, const struct netaddr *address,
			unsigned int prefix);

/**
 * struct netlink_route - a route of the main table
 * @index: the device's
 * @destination: has a family, also where @prefix is 0
 * @gateway: none: it is on the link
 * @source: that is preferred, or none
 * @onlink: the gateway may be outside of the device's own networks
 */
struct netlink_route {
	unsigned int index, prefix;
	uint32_t metric;
	bool onlink;
	struct netaddr destination, gateway, source;
};

/** netlink_add_route() - Return: 0 or negative errno: -EEXIST: there is one with that metric */
int netlink_add_route(struct netlink *netlink, const struct netlink_route *route);

/**
 * netlink_read_route() - what a message of a dump says
 *
 * Return: false: it is none of the main table, or not of one device and one gateway.
 */
bool netlink_read_route(const struct nlmsghdr *message, struct netlink_route *ret);

/**
 * netlink_dump() - hear of all there are
 * @type: RTM_GETLINK, RTM_GETADDR or RTM_GETROUTE
 * @each: may be called with the same twice, if somebody changes something meanwhile
 *
 * Return: 0 or negative errno.
 */
int netlink_dump(struct netlink *netlink, unsigned short type,
		 void (*each)(void *userdata, const struct nlmsghdr *message), void *userdata);

/**
 * netlink_attribute() - find an attribute of a message
 * @body: size of what is between header and attributes
 * @min: bytes that it has to have
 * @ret_len: may be NULL
 *
 * Return: its data, or NULL.
 */
const void *netlink_attribute(const struct nlmsghdr *message, size_t body, unsigned short type,
			      size_t min, size_t *ret_len);

/** netlink_ask() - send a message of the caller's own. Return: 0 or the kernel's negative errno. */
int netlink_ask(struct netlink *netlink, struct nlmsghdr *message);
