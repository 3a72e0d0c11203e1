/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/**
 * struct netaddr - an address
 * @family: AF_UNSPEC: none, AF_INET, AF_INET6
 * @bytes: in network byte order, 4 or 16; those that are not used are zero
 */
struct netaddr {
	int family;
	unsigned char bytes[16];
};

/** netaddr_text() - the address as people write it. Return: @buf, of INET6_ADDRSTRLEN bytes. */
const char *netaddr_text(const struct netaddr *address, char *buf);

/** netaddr_len() - how many bytes it has. Return: 0, 4 or 16. */
size_t netaddr_len(const struct netaddr *address);
