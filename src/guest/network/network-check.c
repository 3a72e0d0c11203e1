/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/network-check.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "guest/network/netaddr.h"
#include "guest/network/sysctls.h"

#define MTU_MIN 68 /* of IPv4 */
#define MTU_MAX 65535

/* Where we are, for the error. */
struct place {
	const char *list;
	size_t i;
	struct err *err;
};

static int refuse(const struct place *place, const char *field, const char *why)
{
	return err_set(place->err, -EINVAL, "%s[%zu].%s: %s", place->list, place->i, field, why);
}

static int check_count(const char *field, size_t n, size_t max, struct err *err)
{
	if (n > max)
		return err_set(err, -ENOSPC, "%s: at most %zu, not %zu", field, max, n);
	return 0;
}

/* What dev_valid_name() of the kernel takes, but no pattern, nor what means something to sysctl. */
static const char *check_name(const char *name)
{
	if (!*name || strlen(name) >= IFNAMSIZ)
		return "it has to have 1 to 15 bytes";
	if (strpbrk(name, "/:% \t\n\v\f\r\xa0") || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0 || strcmp(name, "all") == 0 || strcmp(name, "default") == 0)
		return "no interface may be called so";
	return NULL;
}

static const char *check_mac(const ProtobufCBinaryData *mac)
{
	static const unsigned char none[ETH_ALEN];

	if (mac->len != ETH_ALEN)
		return "it has to have 6 bytes";
	if ((mac->data[0] & 1) || memcmp(mac->data, none, ETH_ALEN) == 0)
		return "no interface may have this address";
	return NULL;
}

static bool same(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* Of several with the same name or NIC, the last is refused. */
static int check_unique(const Caisson__Guest__V1__ConfigureRequest *request,
			const struct place *place)
{
	const Caisson__Guest__V1__Interface *one = request->interfaces[place->i];

	for (size_t i = 0; i < place->i; i++) {
		if (strcmp(request->interfaces[i]->name, one->name) == 0)
			return refuse(place, "name", "another interface has it");
		if (same(&request->interfaces[i]->nic, &one->nic))
			return refuse(place, "nic", "another interface has it");
	}
	return 0;
}

static bool is_zero(const struct netaddr *address)
{
	static const unsigned char none[sizeof(address->bytes)];

	return memcmp(address->bytes, none, sizeof(none)) == 0;
}

static int check_address(const Caisson__Guest__V1__Address *address, const struct place *place,
			 size_t i)
{
	struct netaddr ip;
	const char *field = "ip", *why = NULL;

	if (!netaddr_set(&ip, address->ip.data, address->ip.len) || address->ip.len == 0)
		why = "it has to have 4 or 16 bytes";
	else if (is_zero(&ip))
		why = "it is all zero";
	else if (address->prefix > 8 * address->ip.len)
		field = "prefix", why = "it is longer than the address";
	if (!why)
		return 0;
	return err_set(place->err, -EINVAL, "interfaces[%zu].addresses[%zu].%s: %s", place->i, i,
		       field, why);
}

static int check_interface(const Caisson__Guest__V1__Interface *interface,
			   const struct place *place)
{
	const char *why = check_mac(&interface->nic);
	int r = 0;

	if (why)
		return refuse(place, "nic", why);
	why = check_name(interface->name);
	if (why)
		return refuse(place, "name", why);
	why = interface->mac.len > 0 ? check_mac(&interface->mac) : NULL;
	if (why)
		return refuse(place, "mac", why);
	if (interface->mtu > 0 && (interface->mtu < MTU_MIN || interface->mtu > MTU_MAX))
		return refuse(place, "mtu", "it has to be 0, or 68 to 65535");
	if (interface->n_addresses > NETWORK_ADDRESSES_MAX)
		return err_set(place->err, -ENOSPC,
			       "interfaces[%zu].addresses: at most %d, not %zu", place->i,
			       NETWORK_ADDRESSES_MAX, interface->n_addresses);
	for (size_t i = 0; i < interface->n_addresses && r == 0; i++)
		r = check_address(interface->addresses[i], place, i);
	return r;
}

static const char *check_route_address(const ProtobufCBinaryData *data, int family, bool zero)
{
	struct netaddr address;

	if (data->len == 0)
		return NULL;
	if (!netaddr_set(&address, data->data, data->len))
		return "it has to have 0, 4 or 16 bytes";
	if (address.family != family)
		return "it is of another family than the rest";
	return !zero && is_zero(&address) ? "it is all zero" : NULL;
}

static bool bits_after(const ProtobufCBinaryData *data, uint32_t prefix)
{
	for (size_t bit = prefix; bit < 8 * data->len; bit++)
		if (data->data[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

int network_family(const Caisson__Guest__V1__Route *route)
{
	const ProtobufCBinaryData *all[] = {&route->destination, &route->gateway, &route->source};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i]->len > 0)
			return all[i]->len == 4 ? AF_INET : AF_INET6;
	return (int)route->family;
}

static int check_route(const Caisson__Guest__V1__Route *route, const struct place *place)
{
	int family = network_family(route);
	const char *why;

	if ((family != AF_INET && family != AF_INET6) ||
	    (route->family != 0 && route->family != (uint32_t)family))
		return refuse(place, "family", "it has to be 2 or 10, as that of the addresses");
	why = check_route_address(&route->destination, family, true);
	if (why)
		return refuse(place, "destination", why);
	if (route->prefix > 8 * route->destination.len)
		return refuse(place, "prefix", "it is longer than the destination");
	if (bits_after(&route->destination, route->prefix))
		return refuse(place, "destination", "it has bits after its prefix");
	why = check_route_address(&route->gateway, family, false);
	if (why)
		return refuse(place, "gateway", why);
	why = check_route_address(&route->source, family, false);
	if (why)
		return refuse(place, "source", why);
	if (route->onlink && route->gateway.len == 0)
		return refuse(place, "onlink", "there is no gateway");
	return 0;
}

const Caisson__Guest__V1__Interface *
network_interface(const Caisson__Guest__V1__ConfigureRequest *request, const char *name)
{
	for (size_t i = 0; i < request->n_interfaces; i++)
		if (strcmp(request->interfaces[i]->name, name) == 0)
			return request->interfaces[i];
	return NULL;
}

static int check_routes(const Caisson__Guest__V1__ConfigureRequest *request, struct err *err)
{
	struct place place = {.list = "routes", .err = err};
	int r = check_count("routes", request->n_routes, NETWORK_ROUTES_MAX, err);

	for (; place.i < request->n_routes && r == 0; place.i++) {
		const Caisson__Guest__V1__Route *route = request->routes[place.i];

		if (network_interface(request, route->interface))
			r = check_route(route, &place);
		else
			r = refuse(&place, "interface", "there is none of this name");
	}
	return r;
}

int network_check(const Caisson__Guest__V1__ConfigureRequest *request, struct err *err)
{
	struct place place = {.list = "interfaces", .err = err};
	int r = check_count("interfaces", request->n_interfaces, NETWORK_INTERFACES_MAX, err);

	for (; place.i < request->n_interfaces && r == 0; place.i++) {
		r = check_interface(request->interfaces[place.i], &place);
		if (r == 0)
			r = check_unique(request, &place);
	}
	if (r == 0)
		r = check_routes(request, err);
	return r == 0 ? sysctls_check(request, err) : r;
}
