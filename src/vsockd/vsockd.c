/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/vsockd.h"

#include <errno.h>

#include "base/fd.h"
#include "vsockd/guest.h"
#include "vsockd/host.h"

void vsockd_init(struct vsockd *d, struct loop *loop, const struct vsockd_config *config,
		 unsigned int max_conns)
{
	d->loop = loop;
	d->config = *config;
	d->listener = (struct loop_io)LOOP_IO_NULL;
	d->table.limit = (uint16_t)MIN(max_conns, (unsigned int)TABLE_SLOTS);
	list_init(&d->control);
	list_init(&d->run);
	loop_defer_init(&d->pump);
	loop_timer_init(&d->tx_call);
	vhu_init(&d->vhu, loop, &guest_ops, config->guest_cid);
}

int vsockd_start(struct vsockd *d, int front_end, int listener)
{
	_cleanup_close_ int fd = front_end;
	int r = host_listen(d, listener);

	if (r < 0)
		return r;
	r = vhu_start(&d->vhu, fd);
	if (r == 0)
		fd = -EBADF;
	return r;
}

void vsockd_deinit(struct vsockd *d)
{
	vhu_deinit(&d->vhu);
	host_stop(d);
	for (unsigned int i = 0; i < d->table.touched; i++)
		if (d->table.slots[i].state != CONN_FREE)
			conn_drop(&d->table.slots[i]);
	loop_defer_stop(&d->pump);
	loop_timer_stop(&d->tx_call);
}
