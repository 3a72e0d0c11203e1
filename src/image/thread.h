/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>

/**
 * thread_start() - pthread_create(), for a thread that gets no signals; aborts without threads
 *
 * Signals are for the thread that is there already, whose waiting they are to interrupt.
 */
pthread_t thread_start(void *(*run)(void *userdata), void *userdata);
