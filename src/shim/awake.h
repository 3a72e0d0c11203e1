/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/shim.h"

/*
 * Who opens a stream to the guest past us needs the guest for as long as the stream lasts, which ends
 * before their connection to us does: a paused container's VM runs until then.
 */

/** awake_until_closed() - for as long as the connection that @call came over is open */
void awake_until_closed(const struct ttrpc_call *call);

/** awake_conn_closed() - it is not any more */
void awake_conn_closed(struct shim *shim, uint64_t conn);

/** awake_forget() - all of them */
void awake_forget(struct shim *shim);
