/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "loop/loop.h"
#include "ttrpc/server.h"

/**
 * sockets_service() - the Sockets service (proto/caisson/guest/v1/sockets.proto)
 * @loop: in which bytes are passed on
 */
struct ttrpc_service sockets_service(struct loop *loop);
