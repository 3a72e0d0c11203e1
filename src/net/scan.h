/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libmnl/libmnl.h>

#include "net/state.h"

/**
 * struct scan - one look at a namespace
 * @flags: IFF_… of each interface of @state
 * @err: set by who knows better than the errno what is wrong
 */
struct scan {
	struct net_state *state;
	uint32_t flags[NET_IFS_MAX];
	struct err err;
};

/**
 * scan_ip() - Return: the address of @family in @attr; none's if @attr is NULL or of another length
 */
struct net_ip scan_ip(uint8_t family, const struct nlattr *attr);

/*
 * Each takes one message of a dump into the struct scan @userdata, or leaves it out. They return
 * what the callbacks of rtnl_dump() do.
 */

/** scan_link() - first all interfaces */
int scan_link(const struct nlmsghdr *nlh, void *userdata);

/** scan_addr() - then their addresses */
int scan_addr(const struct nlmsghdr *nlh, void *userdata);

/** scan_route() - and then the routes */
int scan_route(const struct nlmsghdr *nlh, void *userdata);
