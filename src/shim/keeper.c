/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cgroup/cgroup.h"
#include "shim/view.h"

#define STATUS_KILLED (128 + SIGKILL)

void keeper_settle(const struct paths *paths, const struct record *record, enum leaving leaving,
		   const char *why)
{
	int known;

	if (leaving == LEAVE_NOTHING) {
		(void)record_remove(paths, record, NULL);
		return;
	}
	if (leaving == LEAVE_STATUS && record_state(record, &known) != RECORD_STOPPED)
		(void)record_set_exit(record, STATUS_KILLED, why);
	record_remove_run(paths, record);
}

void keeper_block(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, old);
}

/* What does not fit into the pipe, nobody is waiting for any more. */
void keeper_pass_on(int passing, int signo)
{
	unsigned char byte = (unsigned char)signo;

	while (write(passing, &byte, 1) < 0 && errno == EINTR)
		;
}

void keeper_ask_follow(pid_t keeper)
{
	(void)kill(keeper, SIGRTMIN + 1);
}

void keeper_ask_view(pid_t keeper)
{
	(void)kill(keeper, SIGRTMIN);
}

/* Without it whoever takes us for the container would reach the host's files. */
static void take_view(const struct record *record, const struct sandbox_spec *spec, pid_t child,
		      int passing)
{
	if (view_enter(child, record, spec) < 0)
		(void)kill(child, SIGKILL);
	else
		keeper_pass_on(passing, KEEPER_SEES);
}

static int enter(const struct record *record, struct sandbox_spec *spec, pid_t child)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/ns/net", (int)child);
	_cleanup_close_ int net = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	sandbox_spec_done(spec);
	r = record_load(record, spec, NULL);
	if (r == 0)
		r = cgroup_join(&spec->cgroups, NULL);
	if (r == 0 && (net < 0 || setns(net, CLONE_NEWNET) < 0))
		r = -errno;
	return r;
}

/* What a sandbox is its child was told once it served. */
static void follow(const struct record *record, struct sandbox_spec *spec, pid_t child, int passing)
{
	if (enter(record, spec, child) < 0)
		(void)kill(child, SIGKILL);
	else
		keeper_pass_on(passing, KEEPER_FOLLOWS);
}

static void signalled(const siginfo_t *info, const struct record *record, struct sandbox_spec *spec,
		      pid_t child, int passing)
{
	if (info->si_signo == SIGRTMIN && info->si_pid == child)
		take_view(record, spec, child, passing);
	else if (info->si_signo == SIGRTMIN + 1 && info->si_pid == child)
		follow(record, spec, child, passing);
	else if (info->si_signo != SIGCHLD)
		keeper_pass_on(passing, info->si_signo);
}

int keeper_run(const struct paths *paths, const struct record *record, struct sandbox_spec *spec,
	       pid_t child, int passing, enum leaving leaving)
{
	_cleanup_close_ int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	siginfo_t info;
	sigset_t all;
	int status;

	sigfillset(&all);
	while (waitpid(child, &status, WNOHANG) == 0)
		if (sigwaitinfo(&all, &info) > 0)
			signalled(&info, record, spec, child, passing);
	/* Neither the record nor control groups are in the container's view. */
	(void)setns(home, CLONE_NEWNS);
	if (!WIFEXITED(status)) {
		_cleanup_free_ char *why =
			xasprintf("its caisson-shim was killed by signal %d", WTERMSIG(status));

		keeper_settle(paths, record, leaving, why);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_KILLED;
}
