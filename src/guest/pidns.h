/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The PID namespace in which children are born: vminitd's own, or a container's. Only children of
 * who calls setns() are in it, not the caller, so vminitd can step over and back. It stays where it
 * was last, since most that come after an exec are execs: whoever forks says first where.
 */

/**
 * pidns_enter() - the next children are in the container's
 * @pidfd: of its first process
 * @owner: who that is; not called again for the same one
 *
 * Return: 0 or negative errno: -ESRCH when it has ended.
 */
int pidns_enter(int pidfd, const void *owner);

/** pidns_come_home() - the next children are in vminitd's own. Return: 0 or negative errno. */
int pidns_come_home(void);

/** pidns_forget() - @owner may be another one next time */
void pidns_forget(const void *owner);
