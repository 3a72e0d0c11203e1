/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ttrpc/server.h"

/**
 * copy_service() - the Copy service (proto/caisson/guest/v1/copy.proto); see guest/transfer.h
 *
 * A worker in the container's mount namespace does the work. It is in none of the container's other
 * namespaces, nor in its control group: the container cannot see it, and one that is paused does not
 * stop it.
 */
struct ttrpc_service copy_service(void);
