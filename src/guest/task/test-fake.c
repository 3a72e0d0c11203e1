/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/test-fake.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "guest/task/lifecycle.h"

#define FIRST_PID 0x30000000

pid_t fake_last_pid = FIRST_PID;
int fake_last_signal, fake_refuse;

static int copy(int fd)
{
	return fd < 0 ? -EBADF : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* The process' ends of its stdio are where other executors have descriptors of theirs. */
static int spawn(struct executor *executor _unused_, struct process *p,
		 const struct executor_request *request)
{
	test_true(request->process ? request->process->n_args > 0 : request->spec_len > 0);
	if (fake_refuse)
		return fake_refuse;
	p->pid = ++fake_last_pid;
	p->pidfd = copy(p->child_io[0]);
	p->mntns = copy(p->child_io[1]);
	p->ctl = copy(p->child_io[2]);
	return 0;
}

static int start(struct executor *executor _unused_, struct process *p)
{
	test_int(p->state, PROCESS_CREATED);
	return fake_refuse;
}

static int deliver(struct executor *executor _unused_, struct process *p _unused_, int signo,
		   bool all _unused_)
{
	test_true(signo >= 0 && signo <= 64);
	fake_last_signal = signo;
	return fake_refuse;
}

static int pids(struct executor *executor _unused_, const struct process *p, pid_t *ret, int max)
{
	test_true(max >= 2);
	ret[0] = p->pid;
	ret[1] = p->pid + 1;
	return fake_refuse ? fake_refuse : 2;
}

static void release(struct executor *executor _unused_, struct process *p)
{
	p->pidfd = fd_close(p->pidfd);
	p->mntns = fd_close(p->mntns);
	p->ctl = fd_close(p->ctl);
}

static void settle(struct executor *executor, struct process *p)
{
	if (p->state == PROCESS_STARTING)
		(void)fake_tell(p, FAKE_GOOD);
	else
		(void)fake_tell(p, FAKE_FAILED);
	if (p->state != PROCESS_NONE)
		release(executor, p);
}

static const struct executor_ops fake_ops = {
	.create = spawn,
	.start = start,
	.exec = spawn,
	.signal = deliver,
	.pids = pids,
	.settle = settle,
	.release = release,
};
struct executor fake_executor = {.ops = &fake_ops, .events = &lifecycle_events};

static bool tell_terminal(struct process *p)
{
	int master;

	if (!p->terminal || p->held)
		return false;
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	test_true(master >= 0);
	fake_executor.events->terminal(p, master);
	return true;
}

bool fake_tell(struct process *p, enum fake_event event)
{
	if (p->state != PROCESS_CREATING && p->state != PROCESS_STARTING)
		return false;
	if (event == FAKE_TERMINAL)
		return tell_terminal(p);
	if (event == FAKE_FAILED)
		fake_executor.events->failed(p, TTRPC_NOT_FOUND, "exec: \"x\": not found");
	else if (p->state == PROCESS_CREATING)
		fake_executor.events->prepared(p);
	else
		fake_executor.events->started(p);
	return true;
}

ssize_t fake_write(struct process *p, const void *data, size_t len)
{
	return p->mntns < 0 ? -1 : write(p->mntns, data, len);
}
