/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/routes.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "guest/network/network-check.h"
#include "guest/network/sweep.h"

#define IPV6_METRIC 1024 /* that the kernel takes for none */

struct routes {
	struct nics *nics;
	const Caisson__Guest__V1__ConfigureRequest *request;
	bool there[NETWORK_ROUTES_MAX];
};

static const struct nic *find_nic(const struct nics *nics, const char *name)
{
	for (size_t i = 0; i < nics->n; i++)
		if (strcmp(nics->all[i].name, name) == 0)
			return &nics->all[i];
	return NULL;
}

static struct netlink_route wanted(const struct routes *routes, size_t i)
{
	const Caisson__Guest__V1__Route *from = routes->request->routes[i];
	struct netlink_route route = {
		.index = find_nic(routes->nics, from->interface)->index,
		.prefix = from->prefix,
		.metric = from->metric,
		.onlink = from->onlink,
	};

	(void)netaddr_set(&route.destination, from->destination.data, from->destination.len);
	(void)netaddr_set(&route.gateway, from->gateway.data, from->gateway.len);
	(void)netaddr_set(&route.source, from->source.data, from->source.len);
	route.destination.family = network_family(from);
	if (route.metric == 0 && route.destination.family == AF_INET6)
		route.metric = IPV6_METRIC;
	return route;
}

static bool equal(const struct netlink_route *a, const struct netlink_route *b)
{
	return a->index == b->index && a->prefix == b->prefix && a->metric == b->metric &&
	       a->onlink == b->onlink && netaddr_equal(&a->destination, &b->destination) &&
	       netaddr_equal(&a->gateway, &b->gateway) && netaddr_equal(&a->source, &b->source);
}

static const struct nic *owner(void *userdata, const struct nlmsghdr *message)
{
	const struct rtmsg *header = NLMSG_DATA(message);
	struct routes *routes = userdata;
	struct netlink_route route;

	if (!netlink_read_route(message, &route))
		return NULL;
	for (size_t i = 0; i < routes->request->n_routes; i++) {
		struct netlink_route other;

		if (routes->request->routes[i]->prefix != route.prefix)
			continue;
		other = wanted(routes, i);
		if (!equal(&route, &other))
			continue;
		routes->there[i] = true;
		return NULL;
	}
	if (header->rtm_protocol == RTPROT_KERNEL)
		return NULL;
	return nics_find(routes->nics, route.index);
}

static int add(struct routes *routes, struct netlink *netlink, size_t i, struct err *err)
{
	const struct netlink_route route = wanted(routes, i);
	char to[INET6_ADDRSTRLEN], via[INET6_ADDRSTRLEN];
	bool direct = route.gateway.family == AF_UNSPEC;
	int r = netlink_add_route(netlink, &route);

	if (r < 0)
		return err_errno(err, r, "%s: cannot add a route to %s/%u%s%s",
				 routes->request->routes[i]->interface,
				 netaddr_text(&route.destination, to), route.prefix,
				 direct ? "" : " via ",
				 direct ? "" : netaddr_text(&route.gateway, via));
	routes->there[i] = true;
	return 0;
}

int routes_configure(struct nics *nics, struct netlink *netlink,
		     const Caisson__Guest__V1__ConfigureRequest *request, struct err *err)
{
	struct routes routes = {.nics = nics, .request = request};
	int r = sweep(netlink, RTM_GETROUTE, "a route", owner, &routes, err);

	/*
	 * Gateways may be where another one of them leads. Of those that are equal but for where they
	 * lead, the kernel puts a new one first, and uses that.
	 */
	for (int gateways = 0; gateways < 2; gateways++)
		for (size_t i = request->n_routes; i-- > 0 && r == 0;)
			if (!routes.there[i] && (gateways || request->routes[i]->gateway.len == 0))
				r = add(&routes, netlink, i, err);
	return r;
}
