/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "rpc/rpc.h"
#include "shim/shim.h"

/* What is about a container as a whole: its limits and figures. */

/** control_stats_of_guest() - as the guest has them, whatever the host's tools expect */
void control_stats_of_guest(struct ttrpc_call *call, const ProtobufCMessage *message);

/** control_reply_stats() - answer with what the guest has answered to Stats, in the form that the host's tools expect */
void control_reply_stats(struct ttrpc_call *call, const struct ttrpc_answer *answer,
			 void (*reply)(struct ttrpc_call *call, Google__Protobuf__Any *stats));

/* Handlers of the Task service. */
void control_pause(struct ttrpc_call *call, const ProtobufCMessage *message);
void control_resume(struct ttrpc_call *call, const ProtobufCMessage *message);
void control_update(struct ttrpc_call *call, const ProtobufCMessage *message);
void control_stats(struct ttrpc_call *call, const ProtobufCMessage *message);
void control_checkpoint(struct ttrpc_call *call, const ProtobufCMessage *message);
