/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/**
 * net_has_server() - does somebody receive datagrams at an address of the namespace that we are in?
 * @address: of IPv4, in host order; any port
 */
bool net_has_server(uint32_t address);
