/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/reap.h"

#include <signal.h>
#include <sys/wait.h>

/* A signal stands for any number of children. */
static void child_ended(struct loop_signal *signal, int signo _unused_)
{
	struct reaper *reaper = container_of(signal, struct reaper, signal);

	for (;;) {
		siginfo_t info = {.si_pid = 0};

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
			return;
		reaper->reaped(reaper, info.si_pid,
			       info.si_code == CLD_EXITED ? (uint32_t)info.si_status
							  : 128 + (uint32_t)info.si_status);
	}
}

int reaper_start(struct reaper *reaper, struct loop *loop,
		 void (*reaped)(struct reaper *reaper, pid_t pid, uint32_t status))
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	reaper->reaped = reaped;
	return loop_signal_start(loop, &reaper->signal, &set, child_ended);
}

void reaper_stop(struct reaper *reaper)
{
	loop_signal_stop(&reaper->signal);
}
