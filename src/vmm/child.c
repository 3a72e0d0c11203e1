/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/child.h"

#include <signal.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"

static void process_ended(struct loop_io *io, uint32_t revents _unused_)
{
	struct vmm_child *child = container_of(io, struct vmm_child, exit_io);
	int status;

	loop_io_stop(io);
	status = proc_wait(&child->proc);
	/* Until the pipe is empty, not closed: somebody else may hold its other end. */
	tail_drain(&child->tail);
	tail_stop(&child->tail);
	tail_message(&child->tail, child->program, child->message, sizeof(child->message));
	child->ended(child, status);
}

int vmm_child_start(struct loop *loop, struct vmm_child *child, const struct proc_spec *spec,
		    void (*ended)(struct vmm_child *child, int status))
{
	_cleanup_close_ int wr = -EBADF;
	struct proc_spec s = *spec;
	int r = tail_start(&child->tail, loop, &wr);

	if (r < 0)
		return r;
	child->program = xstrdup(spec->argv[0]);
	child->ended = ended;
	s.stderr_fd = wr;
	s.death_signal = SIGKILL;
	s.expendable = true;
	r = proc_start(&s, &child->proc);
	if (r == 0)
		r = loop_io_start(loop, &child->exit_io, child->proc.pidfd, EPOLLIN, process_ended);
	if (r < 0)
		vmm_child_stop(child);
	return r;
}

void vmm_child_stop(struct vmm_child *child)
{
	loop_io_stop(&child->exit_io);
	tail_stop(&child->tail);
	proc_done(&child->proc);
	free(take_ptr(child->program));
}
