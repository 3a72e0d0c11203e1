/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "network.pb-c.h"
#include "ttrpc/server.h"

/**
 * network_service() - the Network service (proto/caisson/guest/v1/network.proto)
 *
 * It waits for nothing: what it asks of the kernel is answered at once. There is one such service.
 */
struct ttrpc_service network_service(void);

/** network_configure() - what Configure does. Return: 0 or negative errno, with @err. */
int network_configure(const Caisson__Guest__V1__ConfigureRequest *request, struct err *err);
