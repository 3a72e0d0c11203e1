/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "network.pb-c.h"

/* The request that tests of the Network service make, piece by piece. */

#define NIC_A "02:00:00:00:00:0a"
#define NIC_B "02:00:00:00:00:0b"
#define NIC_C "02:00:00:00:00:0c"

extern Caisson__Guest__V1__ConfigureRequest request;

/** request_begin() - an empty one */
void request_begin(void);

/** request_first() - one with all there can be, of NIC_A and NIC_B */
void request_first(void);

/** request_end() - free what it is made of */
void request_end(void);

/** request_mac() - an address as bytes; NULL: none */
ProtobufCBinaryData request_mac(const char *text);

/** request_ip() - the same, of either family */
ProtobufCBinaryData request_ip(const char *text);

/** request_interface() - add one; @address: NULL: that of the NIC. Return: it. */
Caisson__Guest__V1__Interface *request_interface(const char *nic, const char *name,
						 const char *address);

/** request_address() - give it one more */
void request_address(Caisson__Guest__V1__Interface *i, const char *text, uint32_t prefix);

/** request_route() - add one; @destination, @gateway: NULL: none. Return: it. */
Caisson__Guest__V1__Route *request_route(const char *interface, const char *destination,
					 uint32_t prefix, const char *gateway);

/** request_sysctl() - add one */
void request_sysctl(const char *name, const char *value);
