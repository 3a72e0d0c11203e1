/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/if_ether.h>
#include <net/if.h>

#include "base/err.h"
#include "guest/network/netlink.h"
#include "network.pb-c.h"

/*
 * The network interfaces that the VM was given, as opposed to those that somebody made in it. They
 * are known by the MAC address that each had when it was first seen, and changed later.
 */

#define NICS_MAX 32

/**
 * struct nic - one of them
 * @original, @mac: the address that it had first, and that it has
 * @wanted: what it is to be; NULL: nothing
 */
struct nic {
	unsigned int index;
	unsigned char original[ETH_ALEN], mac[ETH_ALEN];
	char name[IFNAMSIZ];
	uint32_t mtu;
	bool up, seen;
	const Caisson__Guest__V1__Interface *wanted;
};

/** struct nics - all of them; all zero: none was seen yet */
struct nics {
	size_t n;
	struct nic all[NICS_MAX];
};

/**
 * nics_read() - see which there are, and what each is to be
 *
 * Return: 0 or negative errno: -ENOENT: one of @request's is not there; with @err.
 */
int nics_read(struct nics *nics, struct netlink *netlink,
	      const Caisson__Guest__V1__ConfigureRequest *request, struct err *err);

/** nics_asked_for() - does the request want the one that had this MAC address at first? */
bool nics_asked_for(const Caisson__Guest__V1__ConfigureRequest *request, const void *mac);

/** nics_find() - by its index. Return: NULL: it is none of them. */
struct nic *nics_find(struct nics *nics, unsigned int index);
