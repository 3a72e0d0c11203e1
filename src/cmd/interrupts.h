/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>

/**
 * interrupts_catch() - let SIGINT, SIGTERM and SIGHUP end what waits, and no more
 *
 * Without SA_RESTART: a system call that waits returns EINTR.
 *
 * Return: 0 until one has come, then its number.
 */
const volatile sig_atomic_t *interrupts_catch(void);
