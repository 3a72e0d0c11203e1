/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process of a pod that has no container of its own: it holds the pod's namespaces, and reaps what is left to it
 * in that of processes. It ends when it is told to.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

int main(void)
{
	sigset_t awaited;
	int signo;

	sigemptyset(&awaited);
	sigaddset(&awaited, SIGCHLD);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &awaited, NULL);
	do {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	} while (sigwait(&awaited, &signo) == 0 && signo == SIGCHLD);
	return 0;
}
