/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/netaddr.h"

#include <arpa/inet.h>

const char *netaddr_text(const struct netaddr *address, char *buf)
{
	return inet_ntop(address->family, address->bytes, buf, INET6_ADDRSTRLEN);
}

size_t netaddr_len(const struct netaddr *address)
{
	if (address->family == AF_INET6)
		return sizeof(struct in6_addr);
	return address->family == AF_INET ? sizeof(struct in_addr) : 0;
}
