/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/network/nics.h"

/*
 * NICs that nobody wants now, as those that the VM has in reserve, are in a network namespace that
 * nobody but us gets at: the container sees what it would see without a VM. They are down there, with
 * the MAC addresses that they had at first. On a kernel without such namespaces they stay where they are.
 */

/** spares_fetch() - have those at hand that are wanted */
void spares_fetch(const Caisson__Guest__V1__ConfigureRequest *request);

/** spares_put_away() - those that are not */
void spares_put_away(const struct nics *nics, struct netlink *netlink);
