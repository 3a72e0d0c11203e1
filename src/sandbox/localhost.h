/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "loop/loop.h"
#include "loop/passage.h"
#include "net/loopback.h"
#include "sandbox/greeting.h"

/*
 * Who is in a container's network namespace on the host, as `kubectl port-forward` and nsenter(1) are, connects to its
 * localhost, and finds what listens at the guest's: each connection there is one of vsock, which the guest goes on with.
 */

/*
 * At a time, and of these to one port. One more takes the place of one whose client has ended, but whose guest has not;
 * if there is none it is refused.
 */
#define LOCALHOST_CONNS_MAX ABI_STREAM_TCPS
#define LOCALHOST_PORT_MAX  (LOCALHOST_CONNS_MAX * 3 / 4)
_Static_assert(LOCALHOST_CONNS_MAX <= NET_LOOPBACK_OTHERS, "all may be to others of the host");

struct sandbox;
struct localhost;

/**
 * struct localhost_conn - a connection
 * @number: in the order in which they came
 * @client: until it is the passage's
 * @to: what the client has connected to
 * @other: who else listens there, on the host, while we connect to him
 * @from: the port that we do that from; 0: we do not
 * @swapped: the guest is asked for the other family's loopback, where it refused the client's own
 * @asking: it has not answered yet
 */
struct localhost_conn {
	struct localhost *owner;
	uint64_t number;
	int client;
	struct net_loopback_peer to;
	struct loop_io other;
	in_port_t from;
	bool swapped, asking;
	struct greeting greeting;
	struct loop_timer patience;
	struct passage passage;
};

/**
 * struct localhost - all of a VM's
 * @conns: NULL: a free place
 * @came: how many there have been
 */
struct localhost {
	struct sandbox *sandbox;
	struct net_loopback loopback;
	struct loop_io io;
	struct localhost_conn *conns[LOCALHOST_CONNS_MAX];
	uint64_t came;
};

/** localhost_init() - nothing is passed on */
void localhost_init(struct localhost *localhost, struct sandbox *sandbox);

/** localhost_start() - in the namespace that we are in. A kernel that cannot have it is logged. */
void localhost_start(struct localhost *localhost);

/** localhost_stop() - close all; may be called again */
void localhost_stop(struct localhost *localhost);
