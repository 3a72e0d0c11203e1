/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/shim.h"

/*
 * Saving the VM for a client that holds the container (hold.h). It stands still, saved, for as long as that
 * client is connected and has not let go of it: whatever becomes of it, the container goes on.
 */

/** save_init() - before anything is asked */
void save_init(struct shim *shim);

/** save_handle() - handler of our own service: save it, for this client, who holds it and is the only one */
void save_handle(struct ttrpc_call *call, const ProtobufCMessage *message);

/** save_is_busy() - is it saved, or about to be, or to go on? What needs the guest is refused then. */
bool save_is_busy(const struct shim *shim);

/** save_check() - the same; if so, that was answered. Return: false: @call is over. */
bool save_check(struct ttrpc_call *call);

/** save_let_go() - this client lets go of the container. Return: true: hold_conn_closed() comes again, later. */
bool save_let_go(struct shim *shim, uint64_t conn);

/** save_lost() - the VM is gone */
void save_lost(struct shim *shim);
