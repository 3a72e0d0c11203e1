/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "net/state.h"
#include "sandbox/helper.h"

/*
 * A network without any right on the host: passt makes the guest's connections its own, as a program of the
 * host does, and takes those to the ports that are published. The guest has always the same addresses.
 *
 * passt ends when the VMM closes its end of the socket between them.
 */

/* Asked for a name, it asks the host's own resolver. */
#define PASST_DNS "10.0.2.3"

struct sandbox;

/**
 * passt_start() - give the VM its one NIC, in its struct network, and start who serves it
 * @died: as for helper_start()
 *
 * Return: 0 or negative errno with a message.
 */
int passt_start(struct sandbox *sandbox, void (*died)(struct helper *helper, int status),
		struct err *err);

/** passt_state() - what the guest's network is then */
void passt_state(struct net_state *ret);
