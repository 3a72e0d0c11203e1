/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/netaddr.h"

#include <arpa/inet.h>
#include <string.h>

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

bool netaddr_set(struct netaddr *ret, const void *bytes, size_t len)
{
	*ret = (struct netaddr){.family = AF_UNSPEC};
	if (len == sizeof(struct in_addr))
		ret->family = AF_INET;
	else if (len == sizeof(struct in6_addr))
		ret->family = AF_INET6;
	else
		return len == 0;
	memcpy(ret->bytes, bytes, len);
	return true;
}

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
