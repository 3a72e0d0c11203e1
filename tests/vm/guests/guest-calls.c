/* SPDX-License-Identifier: Apache-2.0 */
/* guest-calls: what a container's system calls are answered with, one a line: "NAME: WHY". */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* One that makes a process ends it. */
static void say(const char *name, long r, int is_fork)
{
	if (is_fork && r == 0)
		_exit(0);
	printf("%s: %s\n", name, r < 0 ? strerror(errno) : "Success");
	if (is_fork && r > 0)
		(void)waitpid((pid_t)r, NULL, 0);
}

int main(void)
{
	unsigned long clone3[8] = {0, 0, 0, 0, SIGCHLD};

	setlinebuf(stdout);
	say("clone", syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), 1);
	say("clone a user namespace", syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0), 1);
	say("clone3", syscall(SYS_clone3, clone3, sizeof(clone3)), 1);
	say("unshare", unshare(CLONE_NEWUSER), 0);
	say("keyctl", syscall(SYS_keyctl, 0, -3, 1), 0);
	say("io_uring", syscall(SYS_io_uring_setup, 0, NULL), 0);
	say("vsock", socket(AF_VSOCK, SOCK_STREAM, 0), 0);
	say("socket", socket(AF_UNIX, SOCK_STREAM, 0), 0);
	return 0;
}
