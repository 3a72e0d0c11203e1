/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "sandbox/network.h"

/** struct network_request - a ConfigureRequest, with all that it refers to */
struct network_request;

/** network_request_new() - of what @network->next has, for the NICs that it is joined with; free it */
struct network_request *network_request_new(const struct network *network);

/** network_request_message() - borrowed */
const ProtobufCMessage *network_request_message(const struct network_request *request);

/** network_request_free() - accepts NULL */
void network_request_free(struct network_request *request);
