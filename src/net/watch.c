/* SPDX-License-Identifier: Apache-2.0 */
#include "net/watch.h"

#include <errno.h>
#include <sys/socket.h>

#include "net/rtnl.h"

#define GROUPS                                                                       \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | \
	 RTMGRP_IPV6_ROUTE)

/* Messages that are read in one turn: others have a right to the loop too. */
#define TURN_MAX 1024

/*
 * What is in a message does not matter: it is cut off. Too many to be kept (-ENOBUFS) is as much of
 * a change as one.
 */
static bool next_message(int fd)
{
	char nothing;

	return recv(fd, &nothing, sizeof(nothing), MSG_TRUNC) >= 0 || errno == ENOBUFS ||
	       errno == EINTR;
}

static void something_came(struct loop_io *io, uint32_t revents _unused_)
{
	struct net_watch *watch = container_of(io, struct net_watch, io);
	int n = 0;

	while (n < TURN_MAX && next_message(io->fd))
		n++;
	if (n > 0)
		watch->changed(watch);
}

int net_watch_start(struct loop *loop, struct net_watch *watch,
		    void (*changed)(struct net_watch *watch), struct err *err)
{
	_cleanup_(mnl_socket_close) struct mnl_socket *nl = NULL;
	int r = 0;

	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!nl || mnl_socket_bind(nl, GROUPS, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	if (r == 0)
		r = loop_io_start(loop, &watch->io, mnl_socket_get_fd(nl), EPOLLIN, something_came);
	if (r < 0)
		return err_errno(err, r, "cannot watch the container's network");
	watch->socket = take_ptr(nl);
	watch->changed = changed;
	return 0;
}

void net_watch_stop(struct net_watch *watch)
{
	loop_io_stop(&watch->io);
	if (watch->socket)
		mnl_socket_close(watch->socket);
	watch->socket = NULL;
}
