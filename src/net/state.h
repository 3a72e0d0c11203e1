/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * What a container engine has made of a network namespace: its interfaces, their addresses, and the
 * main table's routes. All calls are about the namespace that the calling thread is in.
 *
 * Not part of it are rules, other tables, and neighbours.
 */

#define NET_IFS_MAX    16
#define NET_ADDRS_MAX  64
#define NET_ROUTES_MAX 256
#define NET_MAC_LEN    6

/**
 * struct net_ip - an address
 * @family: AF_INET, AF_INET6, or 0: there is none
 * @bytes: in network order, the first 4 or all 16; the others are 0
 */
struct net_ip {
	uint8_t family;
	uint8_t bytes[16];
};

/**
 * struct net_addr - an address of an interface
 * @peer: the other end's, which @prefix belongs to then; of none's family if there is no such thing
 * @prefix: bits
 * @scope: RT_SCOPE_…
 * @prefix_route: the kernel has made a route to the prefix. Engines take that away where all
 *	traffic is to go through a gateway, so an address that has none is to be set with
 *	IFA_F_NOPREFIXROUTE.
 */
struct net_addr {
	struct net_ip ip, peer;
	uint8_t prefix;
	uint8_t scope;
	bool prefix_route;
};

/**
 * struct net_if - an interface
 * @index: never 0
 * @mtu: bytes
 * @up: whether it was set up, be there a carrier or not
 * @addrs: in the kernel's order, in which IPv4's first is the primary one of its network
 */
struct net_if {
	int index;
	char name[IFNAMSIZ];
	uint8_t mac[NET_MAC_LEN];
	uint32_t mtu;
	bool up;
	unsigned int n_addrs;
	struct net_addr addrs[NET_ADDRS_MAX];
};

/**
 * struct net_route - a route of the main table
 * @type: RTN_UNICAST, or what refuses: RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT
 * @to: where to; its family is the route's
 * @prefix: bits; 0: the default route
 * @gateway: may be of another family than @to; of none's: on the link itself
 * @source: that is preferred; may be none
 * @if_index: of a struct net_if; 0 for what refuses
 * @metric: its priority, as the kernel says it
 * @mtu: in bytes; 0: the interface's
 * @scope: RT_SCOPE_…
 * @onlink: the gateway is on the link, whatever the addresses say
 */
struct net_route {
	uint8_t type;
	struct net_ip to;
	uint8_t prefix;
	struct net_ip gateway, source;
	int if_index;
	uint32_t metric;
	uint32_t mtu;
	uint8_t scope;
	bool onlink;
};

/**
 * struct net_state - what there is; 50 KB, without pointers
 *
 * What the guest's kernel makes by itself when it gets the rest is not in it: routes of protocol
 * kernel, link-local IPv6 addresses that the kernel made, and what router advertisements gave.
 */
struct net_state {
	unsigned int n_ifs, n_routes;
	struct net_if ifs[NET_IFS_MAX];
	struct net_route routes[NET_ROUTES_MAX];
};

/**
 * net_scan() - look at the namespace
 * @ret: whole on success only
 *
 * Return: 0 or negative errno: -E2BIG, there is more than a struct net_state holds; -EOPNOTSUPP, a
 * route that it has no words for; -EAGAIN, it changes all the time.
 */
int net_scan(struct net_state *ret, struct err *err);

/** net_state_if() - Return: the interface with that index, or NULL */
struct net_if *net_state_if(struct net_state *state, int index);

/** net_state_equal() - Return: whether they are the same, in the same order */
bool net_state_equal(const struct net_state *a, const struct net_state *b);
