/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "rpc/rpc.h"
#include "shim/shim.h"

/* What is about a container as a whole: its limits and figures. */

/**
 * control_hold() - handler of our own service: a pause that ends with the connection of its client
 *
 * If not before, by Resume. One that is paused already stays so.
 */
void control_hold(struct ttrpc_call *call, const ProtobufCMessage *message);

/** control_conn_closed() - whoever held the container has gone */
void control_conn_closed(struct shim *shim, uint64_t conn);

/* Handlers of the Task service. */
void control_pause(struct ttrpc_call *call, const ProtobufCMessage *message);
void control_resume(struct ttrpc_call *call, const ProtobufCMessage *message);
void control_update(struct ttrpc_call *call, const ProtobufCMessage *message);
void control_stats(struct ttrpc_call *call, const ProtobufCMessage *message);
void control_checkpoint(struct ttrpc_call *call, const ProtobufCMessage *message);
