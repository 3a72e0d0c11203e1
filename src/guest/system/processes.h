/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/task.h"

/**
 * processes_tell() - answer System.Processes
 * @message: its ProcessesRequest
 *
 * A worker reads what a process says of itself: the memory it is in may be behind a disk, or a fault
 * that nobody handles, and vminitd waits for neither.
 */
void processes_tell(struct ttrpc_call *call, struct task *task, const ProtobufCMessage *message);
