/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/reap.h"

#include <signal.h>
#include <sys/wait.h>

static uint32_t status_of(const siginfo_t *info)
{
	return info->si_code == CLD_EXITED ? (uint32_t)info->si_status
					   : 128 + (uint32_t)info->si_status;
}

static bool find(siginfo_t *info, int more)
{
	info->si_pid = 0;
	return waitid(P_ALL, 0, info, WEXITED | WNOHANG | more) == 0 && info->si_pid != 0;
}

/* Only vminitd's one thread waits for children: the one that was looked at is still there. */
static bool reap(struct reaper *reaper, siginfo_t *info)
{
	if (!reaper->ending)
		return find(info, 0);
	if (!find(info, WNOWAIT))
		return false;
	reaper->ending(reaper, info->si_pid, status_of(info));
	return waitid(P_PID, (id_t)info->si_pid, info, WEXITED) == 0;
}

/* A signal stands for any number of children. */
static void child_ended(struct loop_signal *signal, int signo _unused_)
{
	struct reaper *reaper = container_of(signal, struct reaper, signal);

	siginfo_t info;

	while (reap(reaper, &info))
		reaper->reaped(reaper, info.si_pid, status_of(&info));
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
