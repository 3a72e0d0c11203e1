/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/shim.h"

/*
 * A pause that ends with the connection of the client it is for. Several clients may hold the
 * container at a time: it goes on when the last of them has gone.
 */

/**
 * hold_handle() - handler of our own service: pause it for this client
 *
 * What was paused by Pause stays so when the client has gone.
 */
void hold_handle(struct ttrpc_call *call, const ProtobufCMessage *message);

/** hold_release() - handler: this client lets go of it; answered once the container goes on, if it does */
void hold_release(struct ttrpc_call *call, const ProtobufCMessage *message);

/** hold_is_alone() - does this client hold it, and nobody else? */
bool hold_is_alone(const struct container *container, uint64_t conn);

/** hold_conn_closed() - a client has gone, who may have held containers */
void hold_conn_closed(struct shim *shim, uint64_t conn);

/** hold_frozen() - the guest has answered Pause or Resume: tell those who hold it */
void hold_frozen(struct container *container, const struct process_result *result);

/** hold_deleted() - it was deleted: nobody holds it any more */
void hold_deleted(struct container *container);

/** hold_resumed() - somebody resumes it whoever may hold it: these hear that, as @message */
void hold_resumed(struct container *container, const char *message);

/** hold_forget() - nobody holds it any more; who still waits for that hears @message */
void hold_forget(struct container *container, enum ttrpc_code code, const char *message);
