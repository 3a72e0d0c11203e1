/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/helper.h"

static void ended(struct loop_io *io, uint32_t revents _unused_)
{
	struct helper *h = container_of(io, struct helper, io);

	loop_io_stop(io);
	h->died(h, proc_wait(&h->proc));
}

int helper_start(struct helper *h, struct loop *loop, const char *name,
		 const struct proc_spec *spec, void (*died)(struct helper *helper, int status),
		 void *userdata)
{
	int r;

	h->name = name;
	h->died = died;
	h->userdata = userdata;
	r = proc_start(spec, &h->proc);
	if (r == 0)
		r = loop_io_start(loop, &h->io, h->proc.pidfd, EPOLLIN, ended);
	if (r < 0)
		helper_stop(h);
	return r;
}

void helper_stop(struct helper *h)
{
	loop_io_stop(&h->io);
	proc_done(&h->proc);
}
