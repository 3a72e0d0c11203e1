/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/network/nics.h"

/**
 * links_configure() - give NICs their names, MAC addresses and MTUs
 *
 * Those that are wanted are up then, the others down. Names may be swapped.
 *
 * Return: 0 or negative errno, with @err.
 */
int links_configure(struct nics *nics, struct netlink *netlink,
		    const Caisson__Guest__V1__ConfigureRequest *request, struct err *err);
