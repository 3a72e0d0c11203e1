/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/shim.h"

/*
 * The terminal that an OCI runtime was asked for: its other end is with whoever asked, and bytes pass as
 * they are, since the guest's terminal makes of them what a terminal does.
 */

/** terminal_begin() - take it as our own, and hear of its size. Return: 0 or negative errno. */
int terminal_begin(struct shim *shim);

/** terminal_tell() - pass its size on, once there is a process that has one */
void terminal_tell(struct shim *shim);

/** terminal_end() - may be called again, and if it never began */
void terminal_end(struct shim *shim);
