/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
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

/** netaddr_set() - from bytes in network order; none: no address. Return: has it 0, 4 or 16 bytes? */
bool netaddr_set(struct netaddr *ret, const void *bytes, size_t len);

/** netaddr_equal() - Return: are they the same, or both none? */
bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);
