/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/direct/setup.h"

/* Steps of setup.c: whose process it is and what it may do. */

/** identity_find() - look the user up in the container's own files */
int identity_find(struct setup *setup);

/** identity_bound() - leave only @keep in the bounding set, 0: all; needs CAP_SETPCAP */
int identity_bound(uint64_t keep);

/** identity_change() - groups, group, user */
int identity_change(struct setup *setup);

/** identity_confine() - what root keeps of its capabilities; no_new_privs */
int identity_confine(struct setup *setup);

/** identity_is_privileged() - would the process have CAP_SYS_ADMIN as root? */
bool identity_is_privileged(const Caisson__Guest__V1__Process *process);
