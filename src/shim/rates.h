/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "task.pb-c.h"
#include "ttrpc/server.h"

/*
 * What a VM's devices may do in a second is changed by Update, with annotations that have the names of the
 * settings: they are the VM's, which OCI's resources do not know, not the container's.
 */

/** rates_in_update() - Return: does a request have any? */
bool rates_in_update(const Containerd__Task__V2__UpdateTaskRequest *request);

/** rates_update() - do what it says, and answer the call */
void rates_update(struct ttrpc_call *call, const Containerd__Task__V2__UpdateTaskRequest *request);
