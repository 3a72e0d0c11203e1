/* SPDX-License-Identifier: Apache-2.0 */
#include "net/state.h"

#include <string.h>

struct net_if *net_state_if(struct net_state *state, int index)
{
	for (unsigned int i = 0; i < state->n_ifs; i++)
		if (state->ifs[i].index == index)
			return &state->ifs[i];
	return NULL;
}

static bool ip_equal(const struct net_ip *a, const struct net_ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool addr_equal(const struct net_addr *a, const struct net_addr *b)
{
	return ip_equal(&a->ip, &b->ip) && ip_equal(&a->peer, &b->peer) && a->prefix == b->prefix &&
	       a->scope == b->scope && a->prefix_route == b->prefix_route;
}

static bool if_equal(const struct net_if *a, const struct net_if *b)
{
	if (a->index != b->index || strcmp(a->name, b->name) != 0 || a->mtu != b->mtu ||
	    a->up != b->up || memcmp(a->mac, b->mac, sizeof(a->mac)) != 0 ||
	    a->n_addrs != b->n_addrs)
		return false;
	for (unsigned int i = 0; i < a->n_addrs; i++)
		if (!addr_equal(&a->addrs[i], &b->addrs[i]))
			return false;
	return true;
}

static bool route_equal(const struct net_route *a, const struct net_route *b)
{
	return a->type == b->type && ip_equal(&a->to, &b->to) && a->prefix == b->prefix &&
	       ip_equal(&a->gateway, &b->gateway) && ip_equal(&a->source, &b->source) &&
	       a->if_index == b->if_index && a->metric == b->metric && a->mtu == b->mtu &&
	       a->scope == b->scope && a->onlink == b->onlink;
}

bool net_state_equal(const struct net_state *a, const struct net_state *b)
{
	if (a->n_ifs != b->n_ifs || a->n_routes != b->n_routes)
		return false;
	for (unsigned int i = 0; i < a->n_ifs; i++)
		if (!if_equal(&a->ifs[i], &b->ifs[i]))
			return false;
	for (unsigned int i = 0; i < a->n_routes; i++)
		if (!route_equal(&a->routes[i], &b->routes[i]))
			return false;
	return true;
}
