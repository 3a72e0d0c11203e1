/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/macro.h"

/*
 * vminitd as the init of an image of its own, without a caisson on the host: it makes the system
 * ready, runs the command that ABI_INIT_CONF names, and ends the machine. What goes wrong is told on
 * the console, and the next thing is done.
 */

/** standalone_is_wanted() - is this our role? @name: what we were started as, or NULL */
bool standalone_is_wanted(const char *name);

/** standalone_run() - the whole life; early_console() was called */
_noreturn_ void standalone_run(void);
