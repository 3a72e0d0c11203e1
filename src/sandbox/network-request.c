/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/network-request.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "network.pb-c.h"
#include "sandbox/sandbox.h"

struct network_request {
	const struct network *network;
	Caisson__Guest__V1__ConfigureRequest message;
	Caisson__Guest__V1__Interface ifs[NET_IFS_MAX], *if_list[NET_IFS_MAX];
	Caisson__Guest__V1__Address addrs[NET_IFS_MAX][NET_ADDRS_MAX],
		*addr_lists[NET_IFS_MAX][NET_ADDRS_MAX];
	Caisson__Guest__V1__Route routes[NET_ROUTES_MAX], *route_list[NET_ROUTES_MAX];
	Caisson__Guest__V1__Sysctl *sysctls, **sysctl_list;
	struct strv names;
};

static ProtobufCBinaryData bytes_of(const struct net_ip *ip)
{
	return (ProtobufCBinaryData){
		.data = (uint8_t *)ip->bytes,
		.len = ip->family == AF_INET	? 4
		       : ip->family == AF_INET6 ? 16
						: 0,
	};
}

static const struct vmm_nic *nic_of(const struct network *n, int index)
{
	for (size_t i = 0; i < n->n; i++)
		if (n->joined[i] == index)
			return &n->nics[i];
	return NULL;
}

static void fill_interface(struct network_request *r, size_t i)
{
	const struct net_if *from = &r->network->next.ifs[i];
	const struct vmm_nic *nic = nic_of(r->network, from->index);
	Caisson__Guest__V1__Interface *to = &r->ifs[i];

	caisson__guest__v1__interface__init(to);
	to->nic = (ProtobufCBinaryData){.data = (uint8_t *)nic->mac, .len = VMM_MAC_LEN};
	to->name = (char *)from->name;
	to->mac = (ProtobufCBinaryData){.data = (uint8_t *)from->mac, .len = NET_MAC_LEN};
	to->mtu = from->mtu;
	for (unsigned int k = 0; k < from->n_addrs; k++) {
		caisson__guest__v1__address__init(&r->addrs[i][k]);
		r->addrs[i][k].ip = bytes_of(&from->addrs[k].ip);
		r->addrs[i][k].prefix = from->addrs[k].prefix;
		r->addr_lists[i][k] = &r->addrs[i][k];
	}
	to->addresses = r->addr_lists[i];
	to->n_addresses = from->n_addrs;
	r->if_list[i] = to;
}

static const char *name_of(const struct network_request *r, int index)
{
	const struct net_state *state = &r->network->next;

	for (unsigned int i = 0; i < state->n_ifs; i++)
		if (state->ifs[i].index == index)
			return state->ifs[i].name;
	return NULL;
}

/* What refuses is no interface's, and nobody misses it in a VM. */
static void add_route(struct network_request *r, const struct net_route *from)
{
	Caisson__Guest__V1__Route *to = &r->routes[r->message.n_routes];
	const char *name = name_of(r, from->if_index);

	if (from->type != RTN_UNICAST || !name)
		return;
	caisson__guest__v1__route__init(to);
	to->interface = (char *)name;
	if (from->prefix > 0)
		to->destination = bytes_of(&from->to);
	to->prefix = from->prefix;
	to->gateway = bytes_of(&from->gateway);
	to->source = bytes_of(&from->source);
	to->metric = from->metric;
	to->onlink = from->onlink;
	to->family = from->to.family;
	r->route_list[r->message.n_routes++] = to;
}

/* Once: later the container may have set them itself. */
static void add_sysctls(struct network_request *r, const struct strv *sysctls)
{
	r->sysctls = xcalloc(sysctls->n + 1, sizeof(*r->sysctls));
	r->sysctl_list = xcalloc(sysctls->n + 1, sizeof(*r->sysctl_list));
	for (size_t i = 0; i < sysctls->n; i++) {
		const char *value = strchr(sysctls->v[i], '=');

		caisson__guest__v1__sysctl__init(&r->sysctls[i]);
		strv_take(&r->names, xstrndup(sysctls->v[i], (size_t)(value - sysctls->v[i])));
		r->sysctls[i].name = r->names.v[i];
		r->sysctls[i].value = (char *)value + 1;
		r->sysctl_list[i] = &r->sysctls[i];
	}
	r->message.sysctls = r->sysctl_list;
	r->message.n_sysctls = sysctls->n;
}

struct network_request *network_request_new(const struct network *network)
{
	struct network_request *r = xcalloc(1, sizeof(*r));
	const struct net_state *state = &network->next;

	r->network = network;
	caisson__guest__v1__configure_request__init(&r->message);
	for (unsigned int i = 0; i < state->n_ifs; i++)
		fill_interface(r, i);
	for (unsigned int i = 0; i < state->n_routes; i++)
		add_route(r, &state->routes[i]);
	if (!network->told)
		add_sysctls(r, &network->sandbox->spec->sysctls);
	r->message.interfaces = r->if_list;
	r->message.n_interfaces = state->n_ifs;
	r->message.routes = r->route_list;
	return r;
}

const ProtobufCMessage *network_request_message(const struct network_request *request)
{
	return &request->message.base;
}

void network_request_free(struct network_request *request)
{
	if (!request)
		return;
	free(request->sysctls);
	free(request->sysctl_list);
	strv_done(&request->names);
	free(request);
}
