/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "loop/loop.h"

struct mnl_socket;

/**
 * struct net_watch - hears when interfaces, addresses or routes of a namespace change
 * @changed: something did, or may have: net_scan() tells what. It may stop the watch. What is done
 *	to interfaces here is heard as well.
 *
 * Use NET_WATCH_NULL; the fields are the watch's own.
 */
struct net_watch {
	struct loop_io io;
	struct mnl_socket *socket;
	void (*changed)(struct net_watch *watch);
};

#define NET_WATCH_NULL                                              \
	{                                                           \
		.io = LOOP_IO_NULL, .socket = NULL, .changed = NULL \
	}

/**
 * net_watch_start() - begin; stopped or new
 * @changed: called once for all that has come until the loop's turn
 *
 * It is about the namespace that the calling thread is in now, also when that leaves it. What comes
 * after this call is heard: scan after it, and nothing is missed.
 *
 * Return: 0 or negative errno.
 */
int net_watch_start(struct loop *loop, struct net_watch *watch,
		    void (*changed)(struct net_watch *watch), struct err *err);

/** net_watch_stop() - harmless when stopped */
void net_watch_stop(struct net_watch *watch);
