/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "network.pb-c.h"

#define NETWORK_INTERFACES_MAX 16
#define NETWORK_ADDRESSES_MAX  64 /* of each interface */
#define NETWORK_ROUTES_MAX     256
#define NETWORK_SYSCTLS_MAX    64

/**
 * network_check() - does a request make sense?
 *
 * It does where all names, lengths, families and numbers are what they may be; what the kernel and
 * the NICs there are think of it is another matter.
 *
 * Return: 0 or negative errno; @err begins with the field.
 */
int network_check(const Caisson__Guest__V1__ConfigureRequest *request, struct err *err);

/** network_interface() - find one of the request by its name. Return: NULL: there is none. */
const Caisson__Guest__V1__Interface *
network_interface(const Caisson__Guest__V1__ConfigureRequest *request, const char *name);

/** network_family() - of a route that was checked. Return: AF_INET or AF_INET6. */
int network_family(const Caisson__Guest__V1__Route *route);
