/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/direct/setup.h"

/* One of the steps of setup.c. */

/**
 * terminal_open() - if the process wants a terminal, make one and hand it over
 *
 * It comes from the container's own devpts, so that ttyname(3) and /dev/pts work in there. Becomes
 * stdin, stdout, stderr and the controlling terminal; for a container's first process /dev/console
 * too. The master goes to vminitd.
 */
int terminal_open(struct setup *setup);
