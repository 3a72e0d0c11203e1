/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/setup.h"

/* Steps of setup.c: what of a container is neither a file nor a user. */

/** namespace_join() - enter the mount namespace of the container; its PID namespace is ours already
 */
int namespace_join(struct setup *setup);

/** namespace_hostname() - of the whole VM, which is the container's */
int namespace_hostname(struct setup *setup);
