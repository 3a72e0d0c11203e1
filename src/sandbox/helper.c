/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/helper.h"

#include "base/fd.h"

static void ended(struct loop_io *io, uint32_t revents _unused_)
{
	struct helper *h = container_of(io, struct helper, io);

	loop_io_stop(io);
	h->died(h, proc_wait(&h->proc));
}

int helper_start(struct helper *h, struct loop *loop, const char *name,
		 const struct proc_spec *wanted, void (*died)(struct helper *helper, int status),
		 void *userdata)
{
	struct proc_spec spec = *wanted;
	_cleanup_close_ int out = -EBADF;
	int r;

	h->name = name;
	h->died = died;
	h->userdata = userdata;
	r = tail_start(&h->words, loop, &out);
	spec.stdout_fd = spec.stderr_fd = out;
	spec.expendable = true;
	if (r == 0)
		r = proc_start(&spec, &h->proc);
	if (r == 0)
		r = loop_io_start(loop, &h->io, h->proc.pidfd, EPOLLIN, ended);
	if (r < 0)
		helper_stop(h);
	return r;
}

void helper_words(struct helper *h, char *buf, size_t size)
{
	tail_drain(&h->words);
	tail_lines(&h->words, 1, buf, size);
}

void helper_stop(struct helper *h)
{
	loop_io_stop(&h->io);
	proc_done(&h->proc);
	tail_stop(&h->words);
}
