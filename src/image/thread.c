/* SPDX-License-Identifier: Apache-2.0 */
#include "image/thread.h"

#include <signal.h>
#include <stdlib.h>

pthread_t thread_start(void *(*run)(void *userdata), void *userdata)
{
	sigset_t all, before;
	pthread_t id;

	if (sigfillset(&all) != 0 || pthread_sigmask(SIG_SETMASK, &all, &before) != 0 ||
	    pthread_create(&id, NULL, run, userdata) != 0 ||
	    pthread_sigmask(SIG_SETMASK, &before, NULL) != 0)
		abort();
	return id;
}
