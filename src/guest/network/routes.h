/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/network/nics.h"

/**
 * routes_configure() - those of the main table that lead through NICs
 *
 * The kernel's own stay. Return: 0 or negative errno, with @err.
 */
int routes_configure(struct nics *nics, struct netlink *netlink,
		     const Caisson__Guest__V1__ConfigureRequest *request, struct err *err);
