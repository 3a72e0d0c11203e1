/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/network/nics.h"

/**
 * sweep() - remove addresses or routes that nobody wants
 * @type: RTM_GETADDR or RTM_GETROUTE
 * @what: for the error: "an address"
 * @owner: Return: whose it is; NULL: it stays
 *
 * There may be some thousands of them: more would take longer than anybody may wait.
 *
 * Return: 0 or negative errno, with @err.
 */
int sweep(struct netlink *netlink, unsigned short type, const char *what,
	  const struct nic *(*owner)(void *userdata, const struct nlmsghdr *message),
	  void *userdata, struct err *err);
