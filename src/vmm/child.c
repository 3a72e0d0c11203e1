/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/child.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"

static void close_stderr(struct vmm_child *child)
{
	loop_io_stop(&child->stderr_io);
	child->stderr_fd = fd_close(child->stderr_fd);
}

/* Return: whether there may be more now. */
static bool read_stderr(struct vmm_child *child)
{
	char buf[1024];
	ssize_t n = read(child->stderr_fd, buf, sizeof(buf));

	if (n > 0)
		tail_feed(&child->tail, buf, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_stderr(child);
	return n > 0 || (n < 0 && errno == EINTR);
}

static void stderr_readable(struct loop_io *io, uint32_t revents _unused_)
{
	(void)read_stderr(container_of(io, struct vmm_child, stderr_io));
}

/* More than a pipe holds was not written by the process that is dead now. */
#define DRAIN_READS 1024

static void process_ended(struct loop_io *io, uint32_t revents _unused_)
{
	struct vmm_child *child = container_of(io, struct vmm_child, exit_io);
	int status;

	loop_io_stop(io);
	status = proc_wait(&child->proc);
	/* Until the pipe is empty, not closed: somebody else may hold its other end. */
	for (int i = 0; i < DRAIN_READS && child->stderr_fd >= 0; i++)
		if (!read_stderr(child))
			break;
	close_stderr(child);
	child->ended(child, status);
}

int vmm_child_start(struct loop *loop, struct vmm_child *child, const struct proc_spec *spec,
		    void (*ended)(struct vmm_child *child, int status))
{
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	struct proc_spec s = *spec;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	rd = fds[0];
	wr = fds[1];
	r = fd_nonblock(rd, true);
	if (r < 0)
		return r;
	s.stderr_fd = wr;
	s.death_signal = SIGKILL;
	r = proc_start(&s, &child->proc);
	if (r < 0)
		return r;
	tail_init(&child->tail, spec->argv[0]);
	child->ended = ended;
	child->stderr_fd = take_fd(rd);
	r = loop_io_start(loop, &child->exit_io, child->proc.pidfd, EPOLLIN, process_ended);
	if (r == 0)
		r = loop_io_start(loop, &child->stderr_io, child->stderr_fd, EPOLLIN,
				  stderr_readable);
	if (r < 0)
		vmm_child_stop(child);
	return r;
}

void vmm_child_stop(struct vmm_child *child)
{
	loop_io_stop(&child->exit_io);
	close_stderr(child);
	proc_done(&child->proc);
}
