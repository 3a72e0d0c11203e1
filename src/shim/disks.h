/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/shim.h"

/* Of our own service: disks that come to a container while it runs, and go (sandbox/slots.h). */

/** disks_attach(), disks_detach() - the methods, which answer @call when the disk is there, or not any more */
void disks_attach(struct ttrpc_call *call, const ProtobufCMessage *message);
void disks_detach(struct ttrpc_call *call, const ProtobufCMessage *message);

/** disks_check_call() - refuse @call if a disk is just coming or going, whose next order is the VMM's next. Return: if not */
bool disks_check_call(struct ttrpc_call *call);
