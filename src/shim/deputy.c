/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/deputy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "shim/keeper.h"
#include "shim/view.h"

/* Nothing of the shim's stays open here: who reads from a FIFO would wait for its end. */
static _noreturn_ void stand(pid_t shim, const struct record *vm, const struct sandbox_spec *spec,
			     int passing)
{
	int *const keep[] = {&passing};
	sigset_t all;
	int signo;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != shim || fd_keep_only(keep, ARRAY_SIZE(keep)) < 0 ||
	    view_enter(shim, vm, spec) < 0)
		_exit(1);
	keeper_pass_on(passing, KEEPER_SEES);
	sigfillset(&all);
	for (;;)
		if ((signo = sigwaitinfo(&all, NULL)) > 0)
			keeper_pass_on(passing, signo);
}

static void passed(struct loop_io *io, uint32_t revents _unused_)
{
	struct deputy *d = container_of(io, struct deputy, passed);
	unsigned char what;
	ssize_t n = read(io->fd, &what, 1);

	if (n < 0)
		return;
	if (n == 0)
		deputy_end(d);
	d->said(d, n == 0 ? DEPUTY_GONE : what);
}

static pid_t fork_one(const struct record *vm, const struct sandbox_spec *spec, int passing)
{
	pid_t shim = getpid(), pid;
	sigset_t before;

	/* A signal that comes early is passed on like any other. */
	keeper_block(&before);
	pid = fork();
	if (pid == 0)
		stand(shim, vm, spec, passing);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return pid < 0 ? -errno : pid;
}

int deputy_start(struct deputy *d, struct loop *loop, const struct record *vm,
		 const struct sandbox_spec *spec, void (*said)(struct deputy *deputy, int what))
{
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	rd = fds[0];
	wr = fds[1];
	r = fork_one(vm, spec, wr);
	if (r < 0)
		return r;
	d->said = said;
	d->pid = d->proc.pid = r;
	r = loop_io_start(loop, &d->passed, rd, EPOLLIN, passed);
	if (r == 0)
		rd = -EBADF;
	else
		deputy_end(d);
	return r;
}

void deputy_end(struct deputy *d)
{
	int fd = d->passed.fd;

	loop_io_stop(&d->passed);
	fd_close(fd);
	/* Its number is its own until it is reaped. */
	if (d->proc.pid > 0)
		(void)kill(d->proc.pid, SIGKILL);
	(void)proc_wait(&d->proc);
}
