/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/pidns.h"

void job_init(struct job *job)
{
	job->io = (struct loop_io)LOOP_IO_NULL;
	job->fd = job->pidfd = -EBADF;
	job->len = 0;
	job->output[0] = '\0';
}

void job_stop(struct job *job)
{
	loop_io_stop(&job->io);
	if (job->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, job->pidfd, SIGKILL, NULL, 0);
	job->fd = fd_close(job->fd);
	job->pidfd = fd_close(job->pidfd);
}

/* The end of the pipe is the end of the child. Its status is the reaper's, and says no more. */
static void told(struct loop_io *io, uint32_t revents _unused_)
{
	struct job *job = container_of(io, struct job, io);
	char rest[256];
	bool full = job->len == JOB_OUTPUT_MAX;
	ssize_t n = full ? read(job->fd, rest, sizeof(rest))
			 : read(job->fd, job->output + job->len, JOB_OUTPUT_MAX - job->len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		job->len += full ? 0 : (size_t)n;
		job->output[job->len] = '\0';
		return;
	}
	job_stop(job);
	job->done(job);
}

int job_start(struct job *job, struct loop *loop, void (*run)(void *arg, int out), void *arg,
	      void (*done)(struct job *job))
{
	_cleanup_close_ int out = -EBADF;
	int pair[2], r;
	pid_t pid;

	if (job_busy(job))
		return -EBUSY;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	job_init(job);
	job->done = done;
	job->fd = pair[0];
	out = pair[1];
	r = loop_io_start(loop, &job->io, job->fd, EPOLLIN, told);
	if (r == 0)
		r = pidns_come_home();
	pid = r < 0 ? r : fork();
	if (pid == 0) {
		run(arg, out);
		_exit(0);
	}
	if (pid < 0) {
		r = r < 0 ? r : -errno;
		job_stop(job);
		return r;
	}
	job->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return 0;
}
