/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/oci/oci-crun.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/test.h"

static _noreturn_ void be_crun(int program)
{
	char *const argv[] = {(char *)ABI_CRUN, (char *)"--version", NULL}, *const env[] = {NULL};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)dup2(null, STDOUT_FILENO);
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	(void)raise(SIGSTOP);
	(void)fexecve(program, argv, env);
	_exit(127);
}

/* How many times a process executes a program, its end included in @ret_status. */
static int executions(pid_t pid, int *ret_status)
{
	int n = 0, status;

	test_int(waitpid(pid, &status, 0), pid);
	test_true(WIFSTOPPED(status));
	test_int((int)ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL),
		 0);
	for (;;) {
		test_int((int)ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
		test_int(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			break;
		n += status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8);
	}
	*ret_status = status;
	return n;
}

static void crun_does_not_copy_itself(void)
{
	int program = crun_program(), status, n;
	pid_t pid;

	test_true(program >= 0);
	test_int(crun_program(), program);
	test_int(fcntl(program, F_GETFD), FD_CLOEXEC);
	pid = fork();
	if (pid == 0)
		be_crun(program);
	n = executions(pid, &status);
	test_true(WIFEXITED(status));
	test_int(WEXITSTATUS(status), 0);
	test_int(n, 1);
}

int main(void)
{
	test_run(crun_does_not_copy_itself);
	return 0;
}
