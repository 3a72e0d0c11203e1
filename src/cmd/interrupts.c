/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/interrupts.h"

#include <stddef.h>

#include "base/macro.h"

static volatile sig_atomic_t interrupted;

static void note(int signo)
{
	interrupted = signo;
}

const volatile sig_atomic_t *interrupts_catch(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = note};

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaction(signals[i], &sa, NULL);
	return &interrupted;
}
