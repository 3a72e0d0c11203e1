/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/clock.h"
#include "base/list.h"
#include "ttrpc/client.h"

/*
 * Events for containerd, in their order: each is sent once the one before it has arrived.
 *
 * A connection that breaks is made anew once, and the event sent again. While containerd is not there they are kept,
 * up to a bound, until its socket appears again. That is not all that can keep it from taking them: now and then it is
 * tried all the same.
 */

/* What can be kept; of more the oldest are lost. */
#define PUBLISH_QUEUE_MAX 2048

/* Nanoseconds. The one poll there is: a socket that is there and not served tells nobody when it is again. */
#define PUBLISH_AGAIN (30 * NSEC_PER_SEC)

/**
 * struct publisher - the queue
 * @address: path of the socket of containerd's TTRPC services
 * @namespace: containerd's, of the container
 * @idle: is called when publisher_idle() may have become true; NULL: nobody waits for that
 * @again: the first one has been sent in vain, over another connection
 * @broken: the connection has to be made anew
 * @watch: inotify, of the folder of the socket; -EBADF: it is not waited for
 * @later: when it is tried without that
 */
struct publisher {
	struct loop *loop;
	const char *address, *namespace;
	void (*idle)(void *userdata);
	void *userdata;
	struct list queue;
	size_t n;
	struct ttrpc_client *client;
	struct ttrpc_request request;
	struct loop_defer defer;
	struct loop_io appeared;
	struct loop_timer later;
	int watch;
	bool sending, again, broken;
};

/** publisher_init() - nothing is connected before the first event; the strings must outlive it */
void publisher_init(struct publisher *p, struct loop *loop, const char *address,
		    const char *namespace);

/** publisher_put() - an event, that happens now; @event is packed before this returns */
void publisher_put(struct publisher *p, const char *topic, const ProtobufCMessage *event);

/** publisher_idle() - has all arrived, or is nobody there that it could be sent to? */
bool publisher_idle(const struct publisher *p);

/** publisher_stop() - forget what has not arrived; may be called again */
void publisher_stop(struct publisher *p);
