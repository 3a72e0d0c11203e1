/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ttrpc/server.h"

/** layer_service() - the Layer service (proto/caisson/guest/v1/layer.proto); see guest/transfer.h */
struct ttrpc_service layer_service(void);
