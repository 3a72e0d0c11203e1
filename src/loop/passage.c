/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/passage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/fd.h"

/* Whoever writes to a side that reads no more learns of it; the reader of a side that writes no more, too. */
static void way_ended(struct pump *pump, int error)
{
	struct passage *p = pump->userdata;

	if (error < 0)
		(void)shutdown(pump->in_fd, SHUT_RD);
	(void)shutdown(pump->out_fd, SHUT_WR);
	if (pump_active(&p->pumps[0]) || pump_active(&p->pumps[1]))
		return;
	passage_stop(p);
	p->done(p);
}

void passage_init(struct passage *p)
{
	for (int i = 0; i < 2; i++) {
		p->fds[i] = p->copies[i] = -EBADF;
		pump_init(&p->pumps[i]);
		p->pumps[i].userdata = p;
		p->pumps[i].done = way_ended;
	}
	p->done = NULL;
}

static int start(struct passage *p, struct loop *loop)
{
	int r = 0;

	for (int i = 0; i < 2; i++) {
		p->copies[i] = fcntl(p->fds[i], F_DUPFD_CLOEXEC, 3);
		if (p->copies[i] < 0)
			return -errno;
	}
	for (int i = 0; r == 0 && i < 2; i++)
		r = pump_start(&p->pumps[i], loop, p->fds[i], p->copies[1 - i], p->bufs[i],
			       PASSAGE_PIECE);
	return r;
}

int passage_start(struct passage *p, struct loop *loop, int a, int b)
{
	int r;

	p->fds[0] = a;
	p->fds[1] = b;
	r = start(p, loop);
	if (r < 0)
		passage_stop(p);
	return r;
}

void passage_stop(struct passage *p)
{
	/* Each has a descriptor of either side. */
	pump_stop(&p->pumps[0]);
	pump_stop(&p->pumps[1]);
	for (int i = 0; i < 2; i++) {
		p->fds[i] = fd_close(p->fds[i]);
		p->copies[i] = fd_close(p->copies[i]);
	}
}
