/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/network/nics.h"

/** addresses_configure() - of all NICs. Return: 0 or negative errno, with @err. */
int addresses_configure(struct nics *nics, struct netlink *netlink, struct err *err);
