/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What this program may still do once it is set up. Theory of operation: isolate.c. */

/**
 * isolate_enter() - leave behind all that is not needed, for ever
 * @dir: becomes the root and the working folder; only what is below it can be reached
 * @max_fds: descriptors that may be open at a time; cut to what the system allows
 * @ret_max_fds: how many that is
 *
 * A death signal that the parent has asked for (PR_SET_PDEATHSIG) stays in force.
 *
 * After this only the system calls that were listed with SEAL_ALLOW() work.
 *
 * Return: 0, or negative errno with @ret_what set to what failed; the process is then in between
 * and should end.
 */
int isolate_enter(const char *dir, unsigned int max_fds, unsigned int *ret_max_fds,
		  const char **ret_what);
