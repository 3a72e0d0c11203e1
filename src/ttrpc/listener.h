/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/list.h"
#include "loop/loop.h"

/* Accepting connections; internal to src/ttrpc. */

/**
 * struct ttrpc_listener - a listening socket
 * @link: for its owner
 * @spare_fd: given up for a moment to accept, and close, a connection when there is no descriptor
 *   left; otherwise it would stay pending, and the loop spin
 */
struct ttrpc_listener {
	struct list link;
	struct loop_io io;
	int spare_fd;
	bool same_user;
	int (*accepted)(void *userdata, int fd);
	void *userdata;
};

/**
 * ttrpc_listener_new() - start to accept
 * @fd: a listening socket, owned by the listener on success
 * @same_user: drop peers of another user or group
 * @accepted: gets each connection; when it does not return 0 the connection is closed
 *
 * Return: 0 or negative errno.
 */
int ttrpc_listener_new(struct loop *loop, int fd, bool same_user,
		       int (*accepted)(void *userdata, int fd), void *userdata,
		       struct ttrpc_listener **ret);

/** ttrpc_listener_free() - stop, and close the socket; takes it out of its list */
void ttrpc_listener_free(struct ttrpc_listener *listener);
