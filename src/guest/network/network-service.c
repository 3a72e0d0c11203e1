/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/network-service.h"

#include "empty.pb-c.h"
#include "guest/network/addresses.h"
#include "guest/network/links.h"
#include "guest/network/network-check.h"
#include "guest/network/nics.h"
#include "guest/network/routes.h"
#include "guest/network/spares.h"
#include "guest/network/sysctls.h"
#include "rpc/rpc.h"

/* As long as the VM: which NIC is which is told by the addresses that they had at first. */
static struct nics nics;

static int configure_all(struct netlink *netlink,
			 const Caisson__Guest__V1__ConfigureRequest *request, struct err *err)
{
	int r = netlink_set_loopback_up(netlink);

	if (r < 0)
		return err_errno(err, r, "lo: cannot set it up");
	spares_fetch(request);
	r = nics_read(&nics, netlink, request, err);
	if (r == 0)
		r = links_configure(&nics, netlink, request, err);
	if (r == 0)
		r = addresses_configure(&nics, netlink, err);
	if (r == 0)
		r = routes_configure(&nics, netlink, request, err);
	if (r == 0)
		spares_put_away(&nics, netlink);
	return r == 0 ? sysctls_configure(request, err) : r;
}

int network_configure(const Caisson__Guest__V1__ConfigureRequest *request, struct err *err)
{
	struct netlink netlink = NETLINK_NULL;
	int r = network_check(request, err);

	if (r < 0)
		return r;
	r = netlink_open(&netlink);
	if (r < 0)
		return err_errno(err, r, "cannot ask the kernel about its network");
	r = configure_all(&netlink, request, err);
	netlink_close(&netlink);
	return r;
}

static void answer(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct err err = ERR_NULL;
	int r = network_configure((const void *)message, &err);
	enum ttrpc_code code = ttrpc_code_from_errno(r);

	if (r == 0)
		rpc_reply_empty(call);
	else
		ttrpc_call_fail(call, code == TTRPC_UNKNOWN ? TTRPC_FAILED_PRECONDITION : code,
				"%s", err.text);
}

static const struct ttrpc_method methods[] = {
	RPC_METHOD("Configure", caisson__guest__v1__configure_request, google__protobuf__empty,
		   answer),
	{.name = NULL},
};

struct ttrpc_service network_service(void)
{
	return (struct ttrpc_service){.name = RPC_SERVICE_NETWORK, .methods = methods};
}
